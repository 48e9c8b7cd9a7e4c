//! `rampart audit`

use super::owner::Owner;
use super::{Answer, WrongUse, print_json};
use crate::config::Secrets;
use crate::parts::{Head, Link, SigningKey, verify_chain};
use crate::store::{self, SignedRow, SignedRows};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// `rampart audit …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Follow the chain of signatures through the audit log; exit code 1 where it breaks.
    #[command(after_help = "Example: rampart audit verify --yacht 85fe1119-b04c-41ac-80f1-829d23322598")]
    Verify {
        /// One yacht alone.
        #[arg(long)]
        yacht: Option<Uuid>,
        #[command(flatten)]
        owner: Owner,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Answer> {
    let Command::Verify { yacht, owner, json: as_json } = command;
    let key = SigningKey::new(&Secrets::signing_key_from_env(owner.generated()?.as_ref())?)?;
    let chains = store::signed_rows(&owner.url()?, yacht).await?;
    if let (Some(yacht), true) = (yacht, chains.is_empty()) {
        return Err(WrongUse(format!("nothing was ever signed on the yacht {yacht}")).into());
    }
    let mut answer = Answer::Yes;
    let mut told = Vec::new();
    for chain in &chains {
        let (yacht, links) = (chain.yacht, links(chain));
        let report = verify_chain(&links, &Head { hash: chain.head.clone(), length: chain.length }, &key);
        if report.broken.is_some() {
            answer = Answer::No;
        }
        if as_json {
            let broken = report.broken.map(|broken| json!({ "row": broken.row, "why": broken.fault.to_string() }));
            told.push(json!({ "yacht": yacht, "whole": report.whole, "broken": broken }));
            continue;
        }
        match report.broken {
            None => println!("{yacht}  {} signatures, the chain is whole", report.whole),
            Some(broken) => {
                let row = broken.row.map_or("the end of the chain".to_owned(), |row| format!("audit row {row}"));
                println!("{yacht}  {} signatures hold, then {row}: {}", report.whole, broken.fault);
            }
        }
    }
    if as_json {
        print_json(&json!({ "chains": told }))?;
    } else if chains.is_empty() {
        println!("nothing was ever signed");
    }
    Ok(answer)
}

fn links(chain: &SignedRows) -> Vec<Link> {
    chain.rows.iter().map(|row| link(chain.yacht, row)).collect()
}

fn link(yacht: Uuid, row: &SignedRow) -> Link {
    let mut columns = BTreeMap::from([
        ("action", Value::from(row.action.clone())),
        ("user_id", row.user_id.to_string().into()),
        ("yacht_id", yacht.to_string().into()),
    ]);
    if row.entity_type == "part" {
        columns.insert("part_id", row.entity_id.to_string().into());
    }
    let mut value = |name, values: Option<&Value>, member: &str| {
        if let Some(value) = values.and_then(|values| values.get(member)) {
            columns.insert(name, value.clone());
        }
    };
    value("stock_id", Some(&row.new_values), "stock_id");
    value("old_quantity", row.old_values.as_ref(), "quantity");
    value("new_quantity", Some(&row.new_values), "quantity");
    Link {
        id: row.id,
        position: row.position,
        previous: row.previous.clone(),
        signature: row.signature.clone().unwrap_or_default(),
        columns,
    }
}
