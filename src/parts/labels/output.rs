//! What shall become of a sheet of labels: a request on record, and honest about what happens next.

use super::generate::download_url;
use crate::parts::canonical::{Facts, fingerprint};
use crate::parts::command::{IDEMPOTENCY_KEY_MAX_CHARS, Outcome, told};
use crate::parts::errors::ApiError;
use crate::parts::fields::Fields;
use crate::parts::gate::Caller;
use crate::parts::state::PartsState;
use crate::parts::transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a sheet can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Print,
    Email,
    Download,
}

impl Way {
    const ALL: [Self; 3] = [Self::Print, Self::Email, Self::Download];

    fn name(self) -> &'static str {
        match self {
            Way::Print => "print",
            Way::Email => "email",
            Way::Download => "download",
        }
    }

    /// Nothing here prints or mails.
    fn message(self) -> &'static str {
        match self {
            Way::Print => "Queued for the yacht's print station; nothing is printed before it takes the request",
            Way::Email => "Queued for the yacht's mail station; nothing is sent before it takes the request",
            Way::Download => "The labels are ready to download",
        }
    }
}

/// What is wanted of which sheet.
#[derive(Clone, Debug)]
pub(in crate::parts) struct Output {
    document: Uuid,
    way: Way,
    key: Option<String>,
}

/// What the write path answers.
#[derive(Debug, Deserialize)]
struct Written {
    audit_id: Uuid,
    document_id: Uuid,
    output: String,
    state: String,
    bucket: String,
    storage_path: String,
}

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LabelOutput)]
pub(in crate::parts) struct Requested {
    document_id: Uuid,
    output: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    download_url: Option<String>,
    message: String,
}

impl Output {
    /// Takes it from a payload.
    pub(in crate::parts) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let document = proper(&fields, ["document_id", "label_request_id"]);
        let output = proper(&fields, ["output", "output_format"]);
        let way = match fields.given(output) {
            None => {
                fields.miss(output);
                Way::Download
            }
            Some(name) => Way::ALL.into_iter().find(|way| name.as_str() == Some(way.name())).unwrap_or_else(|| {
                fields.refuse(output, "print, email or download");
                Way::Download
            }),
        };
        let document = fields.uuid(document);
        let key = fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS);
        fields.done(Self { document, way, key })
    }

    /// Puts it on record.
    pub(in crate::parts) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let answer = transaction::write(&state.pools.parts_write, &caller.claims, || {
            sqlx::query_scalar!(
                r#"select public.parts_label_output($1, $2, $3, $4, $5) as "answer!""#,
                self.document,
                self.way.name(),
                caller.lens.name(),
                self.key,
                self.fingerprint(caller)
            )
        })
        .await?;
        let (written, replayed) = told::<Written>(answer)?;
        let ready = self.way == Way::Download;
        let body = Requested {
            document_id: written.document_id,
            output: written.output,
            state: written.state,
            download_url: ready.then(|| download_url(&written.bucket, &written.storage_path)),
            message: self.way.message().to_owned(),
        };
        Ok(Outcome::changed(written.audit_id, replayed, body))
    }

    fn fingerprint(&self, caller: &Caller) -> String {
        fingerprint(&Facts::from([
            ("user_id", caller.user.to_string().into()),
            ("document_id", self.document.to_string().into()),
            ("output", self.way.name().into()),
        ]))
    }
}

/// Of a field's names the one that was given; the proper one, which comes first, where none was.
fn proper(fields: &Fields<'_>, [name, alias]: [&'static str; 2]) -> &'static str {
    if fields.given(name).is_none() && fields.given(alias).is_some() { alias } else { name }
}
