//! Code that somebody else wrote on loom's or shuttle's own types, held against our spec.

use std::collections::VecDeque;

use selvedge::platform::{Arc, Loom, Shuttle};
use selvedge_model::Thread;
use selvedge_model::cond::{CondSpec, Op, Ret};
use selvedge_verify::evidence::{Evidence, Verdict};
use selvedge_verify::litmus::corpus::CorpusFile;
use selvedge_verify::subject::locker::UNLOCK_OF_UNLOCKED;
use selvedge_verify::subject::{Stop, Subject};
use selvedge_verify::suite::{Drivers, Options, Suite, System};

const RIGHT: u8 = 0;
const WAKES_ALL: u8 = 1;

macro_rules! conditions {
    ($name:ident, $engine:ident, $platform:ty) => {
        struct $name<const BUG: u8> {
            held: $engine::sync::Mutex<bool>,
            freed: $engine::sync::Condvar,
            waiting: $engine::sync::Mutex<VecDeque<Arc<($engine::sync::Mutex<bool>, $engine::sync::Condvar)>>>,
        }

        impl<const BUG: u8> Subject<CondSpec> for $name<BUG> {
            type Platform = $platform;
            type Local<'a> = ();

            const FOREIGN: bool = true;

            fn create(_: &CondSpec, _: &[(String, i64)]) -> Result<Self, String> {
                Ok($name {
                    held: $engine::sync::Mutex::new(false),
                    freed: $engine::sync::Condvar::new(),
                    waiting: $engine::sync::Mutex::new(VecDeque::new()),
                })
            }

            fn perform(&self, thread: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
                match op {
                    Op::Lock => {
                        let mut held = self.held.lock().unwrap();
                        while *held {
                            held = self.freed.wait(held).unwrap();
                        }
                        *held = true;
                    }
                    Op::Unlock => {
                        if !std::mem::replace(&mut *self.held.lock().unwrap(), false) {
                            return Err(Stop::Abort(UNLOCK_OF_UNLOCKED.into()));
                        }
                        self.freed.notify_one();
                    }
                    Op::Wait(_) => {
                        let ticket = Arc::new(($engine::sync::Mutex::new(false), $engine::sync::Condvar::new()));
                        self.waiting.lock().unwrap().push_back(ticket.clone());
                        self.perform(thread, &mut (), &Op::Unlock)?;
                        let mut is_called = ticket.0.lock().unwrap();
                        while !*is_called {
                            is_called = ticket.1.wait(is_called).unwrap();
                        }
                        drop(is_called);
                        self.perform(thread, &mut (), &Op::Lock)?;
                    }
                    Op::Signal(_) | Op::Broadcast(_) => {
                        let mut waiting = self.waiting.lock().unwrap();
                        let all = BUG == WAKES_ALL || matches!(op, Op::Broadcast(_));
                        let count = if all { waiting.len() } else { waiting.len().min(1) };
                        for ticket in waiting.drain(..count) {
                            *ticket.0.lock().unwrap() = true;
                            ticket.1.notify_one();
                        }
                    }
                    other => unreachable!("{other}"),
                }
                Ok(Ret::Ok)
            }
        }
    };
}

conditions!(OnLoom, loom, Loom);
conditions!(OnShuttle, shuttle, Shuttle);

const EXCLUSION: CorpusFile = CorpusFile {
    name: "exclusion",
    text: "spec cond\nclauses COND-11\nvar n = 0\nthread A\n  lock\n  n += 1\n  unlock\nthread B\n  lock\n  n += 1\n  \
           unlock\nforall done A && done B && n == 2\n",
};

const SIGNAL: CorpusFile = CorpusFile {
    name: "signal",
    text: "spec cond\nclauses COND-05\nthread Waiter\n  lock\n  wait\n  unlock\nthread Signaller\n  lock\n  signal\n  \
           unlock\nexists blocked Waiter\nexists done Waiter\n",
};

fn run(suite: &Suite, id: &str) -> Evidence {
    let plan = suite.plan(&Options::quick());
    let planned = plan.iter().find(|planned| planned.id == id).unwrap_or_else(|| panic!("{id}: {:?}", plan.iter().map(|p| &p.id).collect::<Vec<_>>()));
    suite.run_here(planned, &Options::quick())
}

#[test]
fn today() {
    let suite = Suite::empty().with(
        System::new("cond", &[EXCLUSION, SIGNAL])
            .primitive("loom", Drivers::NONE.loom::<OnLoom<RIGHT>>())
            .primitive("loom-all", Drivers::NONE.loom::<OnLoom<WAKES_ALL>>())
            .primitive("shuttle-all", Drivers::NONE.shuttle::<OnShuttle<WAKES_ALL>>())
            .primitive("shuttle", Drivers::NONE.shuttle::<OnShuttle<RIGHT>>()),
    );
    for planned in suite.plan(&Options::quick()).iter().filter(|planned| planned.id.contains("/conformance/")) {
        let evidence = suite.run_here(planned, &Options::quick());
        println!("{:?}  {} {} {}", evidence.verdict, evidence.check, evidence.technique, evidence.reason);
    }
    let _ = (run as fn(_, _) -> _, Verdict::Pass, std::any::type_name::<OnLoom<WAKES_ALL>>());
}
