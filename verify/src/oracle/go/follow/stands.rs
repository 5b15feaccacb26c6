//! What a trace says of how processors and goroutines stand, against how they stand in the spec.

use selvedge_model::proc::{GStatus, Gid, Mid, Op, PStatus, Pid};

use super::super::trace::{GStand, PStand};
use super::{Follower, Outcome, stuck};

impl Follower<'_> {
    pub(super) fn proc_is(&self, m: Option<Mid>, p: Pid, stand: PStand) -> Outcome {
        if self.now.pretends.as_ref().is_some_and(|(stopper, _)| Some(*stopper) == m) {
            // The stopper has changed his processor, and pretends that it was still idle.
            return Ok(());
        }
        let status = self.status(p);
        let holder = self.now.state.ps.get(usize::from(p)).and_then(|p| p.m);
        let in_call = |m: Mid| self.g_of(m).is_some_and(|g| self.g_status(g) == GStatus::Syscall);
        let agrees = match stand {
            PStand::Running => matches!(status, PStatus::Running | PStatus::GcStop) && holder == m,
            PStand::Idle => matches!(status, PStatus::Idle | PStatus::GcStop),
            PStand::Syscall | PStand::Abandoned => status == PStatus::Syscall || holder.is_some_and(in_call),
        };
        match agrees {
            true => Ok(()),
            false => stuck("PROC-I01", format!("P{p} is said to be {stand:?} and is {status:?}")),
        }
    }

    pub(super) fn go_is(&self, g: Gid, stand: GStand) -> Outcome {
        let status = self.g_status(g);
        let leaves = matches!(self.phase(g), Some((Op::ExitCall, _)));
        let agrees = match stand {
            GStand::Runnable => status == GStatus::Runnable,
            GStand::Running => status == GStatus::Running,
            GStand::Syscall => status == GStatus::Syscall || leaves,
            GStand::Waiting => status == GStatus::Waiting,
        };
        match agrees {
            true => Ok(()),
            false => stuck("PROC-G04", format!("the goroutine is said to be {stand:?} and is {status:?}")),
        }
    }
}
