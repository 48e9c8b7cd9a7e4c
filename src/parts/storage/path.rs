//! Which object a request means: a bucket and a path in it, read once from the URL as it was sent.

use super::kind::Kind;
use super::reply::ROOT;
use crate::parts::actions::{Action, Role};
use crate::parts::errors::ApiError;
use std::fmt;
use uuid::Uuid;

/// The longest path, in bytes.
const PATH_MAX_BYTES: usize = 1024;
/// One of Supabase's megabytes, in bytes.
const MEGABYTE: u64 = 1024 * 1024;

/// The buckets there are. The database has them with the same limits: 0021_storage.sql.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::parts) enum Bucket {
    PartPhotos,
    ReceivingImages,
    LabelPdfs,
}

impl Bucket {
    pub(super) const ALL: [Self; 3] = [Self::PartPhotos, Self::ReceivingImages, Self::LabelPdfs];

    /// Its name on the wire.
    pub(in crate::parts) fn name(self) -> &'static str {
        match self {
            Bucket::PartPhotos => "pms-part-photos",
            Bucket::ReceivingImages => "pms-receiving-images",
            Bucket::LabelPdfs => "pms-label-pdfs",
        }
    }

    /// The largest object, in bytes.
    pub(super) fn limit_bytes(self) -> u64 {
        match self {
            Bucket::PartPhotos => 10 * MEGABYTE,
            Bucket::ReceivingImages => 20 * MEGABYTE,
            Bucket::LabelPdfs => 50 * MEGABYTE,
        }
    }

    /// Whether it takes this kind of content.
    pub(super) fn takes(self, kind: Kind) -> bool {
        match self {
            Bucket::PartPhotos => kind != Kind::Pdf,
            Bucket::ReceivingImages => true,
            Bucket::LabelPdfs => kind == Kind::Pdf,
        }
    }

    /// The folder below the yacht's in which everything lies.
    fn folder(self) -> &'static str {
        match self {
            Bucket::PartPhotos => "parts",
            Bucket::ReceivingImages => "receiving",
            Bucket::LabelPdfs => "labels",
        }
    }

    /// Whether `role` may put something in. The policies ask the same again.
    pub(super) fn may_insert(self, role: Role) -> bool {
        match self {
            Bucket::PartPhotos | Bucket::ReceivingImages => Action::ReceivePart.may_execute(role),
            Bucket::LabelPdfs => Action::GeneratePartLabels.may_execute(role),
        }
    }
}

/// A bucket and a sound path in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::parts) struct Object {
    pub(in crate::parts) bucket: Bucket,
    name: String,
}

impl Object {
    /// Where a sheet of labels lies.
    pub(in crate::parts) fn label_sheet(yacht: Uuid, document: Uuid) -> Self {
        Self { bucket: Bucket::LabelPdfs, name: format!("{yacht}/labels/{document}.pdf") }
    }

    /// Reads the path of a URL, still percent-encoded: an encoded slash must not pass for one.
    pub(super) fn of_url(path: &str) -> Result<Self, ApiError> {
        let invalid = || ApiError::malformed("the path of the object is not valid");
        let (bucket, path) = path.strip_prefix(ROOT).and_then(|rest| rest.split_once('/')).ok_or_else(invalid)?;
        let segments = path.split('/').map(segment).collect::<Option<Vec<_>>>().ok_or_else(invalid)?;
        let name = segments.join("/");
        if name.len() > PATH_MAX_BYTES {
            return Err(invalid());
        }
        let bucket = Bucket::ALL
            .into_iter()
            .find(|known| known.name() == bucket)
            .ok_or_else(|| ApiError::not_found("Bucket not found"))?;
        Ok(Self { bucket, name })
    }

    /// The path within the bucket.
    pub(in crate::parts) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it lies in the yacht's folder. Compared as text, as the policies do.
    pub(super) fn is_of(&self, yacht: Uuid) -> bool {
        self.name.split_once('/').is_some_and(|(first, _)| first == yacht.to_string())
    }

    /// Whether it lies where things of its bucket belong: a file below `{yacht}/{folder}/`.
    pub(super) fn is_in_place(&self) -> bool {
        let mut segments = self.name.split('/').skip(1);
        segments.next() == Some(self.bucket.folder()) && segments.next().is_some()
    }
}

/// As Supabase writes it: `bucket/path`.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket.name(), self.name)
    }
}

/// One decoded segment; none where it is empty, climbs, or holds what could be taken for a separator.
fn segment(encoded: &str) -> Option<String> {
    let text = String::from_utf8(decoded(encoded)?).ok()?;
    let climbs = text.is_empty() || text == "." || text == "..";
    (!climbs && !text.contains(|c: char| c == '/' || c == '\\' || c.is_control())).then_some(text)
}

/// Undoes percent-encoding (RFC 3986); none where a `%` is not followed by two hexadecimal digits.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { digit(bytes.next()?)? << 4 | digit(bytes.next()?)? } else { byte });
    }
    Some(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const YACHT: Uuid = Uuid::nil();

    fn read(path: &str) -> Result<Object, u16> {
        Object::of_url(&format!("{ROOT}pms-part-photos/{path}")).map_err(|error| error.status.as_u16())
    }

    #[test]
    fn a_path_is_decoded_segment_by_segment() {
        let object = read("00000000-0000-0000-0000-000000000000/parts/oil%20filter%C3%A9.jpg").expect("sound");
        assert_eq!(object.name(), "00000000-0000-0000-0000-000000000000/parts/oil filteré.jpg");
        assert!(object.is_of(YACHT) && object.is_in_place() && !object.is_of(Uuid::max()));
    }

    #[test]
    fn nothing_climbs_and_nothing_passes_for_a_slash() {
        let longest = "x".repeat(PATH_MAX_BYTES);
        assert!(read(&longest).is_ok());
        for path in [
            "",
            "a//b",
            "/a",
            "a/",
            "a/../b",
            "a/%2e%2E/b",
            "a/./b",
            "a%2Fb",
            "a%5cb",
            "a\\b",
            "a%00b",
            "a%0ab",
            "a%7f",
            "a%",
            "a%2",
            "a%zz",
            "a%ff",
            "a%C2%85",
            &format!("{longest}x"),
        ] {
            assert_eq!(read(path), Err(400), "{path:?}");
        }
        assert_eq!(Object::of_url(&format!("{ROOT}avatars/a")).expect_err("no such bucket").status.as_u16(), 404);
    }

    #[test]
    fn an_object_lies_below_its_buckets_folder_of_the_yacht() {
        let at = |path: &str| read(path).expect("sound");
        assert!(!at(&format!("{YACHT}/labels/x.jpg")).is_in_place());
        assert!(!at(&format!("{YACHT}/parts")).is_in_place());
        assert!(!at(&YACHT.to_string()).is_of(YACHT), "the folder itself is no object of it");
        assert!(!at(&format!("{YACHT}x/parts/y")).is_of(YACHT));
    }
}
