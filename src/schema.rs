//! What the core's closed lists and a few of its values look like on the wire, for the OpenAPI description of the ops API.
//!
//! The core names no web library. Each type here only stands for one of its types where an answer is described.

use rampart_core::policy::GateItem;
use rampart_core::rollout::{CommandKind, Phase, Verdict};
use std::borrow::Cow;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// One of a closed list of names.
fn names(list: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(list)).into()
}

/// A component of the description that stands for a type of the core.
macro_rules! stands_for {
    ($($(#[$doc:meta])* $name:ident as $wire:literal = $schema:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $wire.into()
            }
        }
    )*};
}

stands_for! {
    /// [`Phase`].
    PhaseName as "Phase" = names(Phase::ALL.map(Phase::name));
    /// [`Verdict`].
    VerdictName as "Verdict" = names(Verdict::ALL.map(Verdict::name));
    /// [`rampart_core::policy::Unit`].
    UnitName as "Unit" = names(["count", "ratio", "ms", "seconds"]);
    /// [`CommandKind`].
    CommandName as "CommandName" = names(CommandKind::ALL.map(CommandKind::name));
    /// [`GateItem`].
    GateItemName as "GateItemName" = names(GateItem::ALL.map(GateItem::name));
    /// [`crate::controller::GateVerdict`].
    GateState as "GateState" =
        names(["proven", "missing", "failed", "other_build", "too_old", "altered", "unreadable"]);
    /// The kind of a [`rampart_core::rollout::Decision`].
    DecisionKind as "DecisionKind" = names(["hold", "advance", "complete", "rollback"]);
    /// [`rampart_core::rollout::Against`].
    AgainstName as "Against" = names(["limit", "control"]);
    /// The role an order needs.
    RoleName as "CommandRole" = names(["operator", "release_owner"]);
    /// [`rampart_core::rollout::Subjects`].
    SubjectsShape as "Subjects" = object([("canary", number(Type::Integer)), ("control", number(Type::Integer))]);
    /// [`rampart_core::rollout::Need`].
    NeedShape as "Need" = object([
        ("code", text()),
        ("text", text()),
        ("eta", or_null(Type::String)),
    ]);
    /// [`rampart_core::rollout::ProofReport`].
    ProofShape as "Proof" = object([
        ("requests", number(Type::Integer)),
        ("beyond", number(Type::Integer)),
        ("limit", number(Type::Number)),
        ("below", or_null(Type::Number)),
        ("proven", ObjectBuilder::new().schema_type(Type::Boolean).into()),
        ("missing", or_null(Type::Integer)),
        ("text", text()),
    ]);
    /// One reading of one check: seconds since 1970, value, verdict, the same of control.
    PointShape as "Point" = ArrayBuilder::new()
        .prefix_items([
            number(Type::Number),
            or_null(Type::Number),
            names(Verdict::ALL.map(Verdict::name)),
            or_null(Type::Number),
        ])
        .items(utoipa::openapi::schema::ArrayItems::False)
        .into();
    /// A newest revision for each flag.
    RevisionsShape as "Revisions" = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::RefOr(number(Type::Integer))))
        .into();
}

fn object<const N: usize>(properties: [(&str, RefOr<Schema>); N]) -> RefOr<Schema> {
    let with = |object: ObjectBuilder, (name, schema): (&str, RefOr<Schema>)| object.property(name, schema);
    properties.into_iter().fold(ObjectBuilder::new(), with).into()
}

fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn number(kind: Type) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(kind).into()
}

fn or_null(kind: Type) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([kind, Type::Null])).into()
}
