//! Storage: photos of parts, what came with deliveries, printed labels. It speaks as Supabase's storage does.
//!
//! A request passes `gate` (who asks, for which yacht) and one of the `routes`. `path` knows which object is
//! meant and who may touch it; `receive` takes the bytes in, checks their `kind` and never holds more than a
//! piece of them in memory; `backend` keeps them: on disk, with a row in `storage.objects`, or at Supabase.
//!
//! **Architecture invariant:** a path whose first part is not the caller's yacht is refused before anything is
//! looked up, whoever calls; and row level security refuses it once more. No file on disk is named by what a
//! user has written.

mod backend;
mod disk;
mod gate;
mod kind;
mod objects;
mod path;
mod receive;
mod reply;
mod routes;
mod staged;
mod supabase;
mod who;

pub use backend::StorageConfig;
pub(super) use backend::{Placed, Storage};
pub(super) use path::Object;
pub(super) use reply::{ROOT, Wire, error_body};
pub(super) use routes::{router, unknown_routes};
pub use supabase::SupabaseConfig;
