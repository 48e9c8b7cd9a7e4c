//! The loop that joins everything: observe, decide, commit.
//!
//! Two paths lead to a rollback. The quick one is the [`Guard`]: whoever sees something bad has it look
//! at once, on its own thread, without asking the database; it brakes in memory and hands the rest to
//! the brake's task. The steady one is the [`Controller`]'s turn, a reconciler: it takes no input but
//! what it reads, so a nudge only wakes it, and the next turn is the retry.

mod ahead;
mod brake;
mod checks;
mod commit;
mod explain;
mod gate;
mod guard;
mod listen;
mod order;
mod policies;
mod recording;
mod replay;
mod retrospect;
mod run;
mod serve;
mod show;
mod sql;
mod status;
mod told;
mod turn;

pub use explain::Explained;
pub use gate::{GateFinding, GateVerdict};
pub use guard::{Guard, Watched};
pub use order::{CommandError, OrderRequest};
pub use policies::{LoadedPolicy, Policies, PolicyFault};
pub use replay::Replay;
pub use retrospect::RollbackReport;
pub use run::{Controller, Life, Parts};
pub use status::{CauseStatus, CommandStatus, Status};
pub(crate) use status::{GateItemStatus, GateRunStatus};
pub use told::Told;
