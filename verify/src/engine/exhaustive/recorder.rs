//! What happens in an execution, as its strategy learns of it step by step.
//!
//! What a step touches is published before it is taken. What it touched besides, and what it left as it was, is known
//! when its thread comes to its next step; until then the step is *open* and not part of the trace.

use std::panic::Location;

use selvedge::platform::shuttle::{self, Access, Divergence, Mention, Noted, Openness};

use super::trace::{Event, Names, Touch, Touches, Trace};

/// The threads that an execution may have: a bit each.
pub const THREADS_MAX: usize = 64;

/// What a thread is about to do.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Which thread.
    pub thread: usize,
    /// What it touches.
    pub touches: Touches,
    /// Whether more than what the objects are open for decides if it can be done.
    pub is_opaque: bool,
    /// Where in the source.
    pub location: &'static Location<'static>,
}

/// Builds the trace of one execution after the other. A beginning that the next execution repeats is kept.
#[derive(Debug, Default)]
pub struct Recorder {
    /// The steps so far; of a repeated beginning, all of it.
    pub trace: Trace,
    names: Names,
    /// How many steps the execution has taken.
    steps: usize,
    /// The step whose thread is running, if that step is not part of the trace yet.
    open: Option<Event>,
    /// The choices made since the last step.
    choices: Vec<usize>,
    /// By thread: what it is about to do.
    pending: Vec<Option<Pending>>,
    /// The thread that took the last step.
    last: Option<usize>,
    /// What blocked threads wait for.
    blocked: Vec<Pending>,
    /// How many steps had been taken when nothing could move, the last time.
    rested: usize,
    /// No step has been taken since.
    is_at_rest: bool,
    notes: Vec<Noted>,
    /// What a step touches; kept for its memory.
    mentions: Vec<Mention>,
}

impl Recorder {
    /// An execution begins. What the trace holds is what it is going to repeat.
    pub fn begin(&mut self) {
        self.trace.forget_births();
        self.pending.clear();
        self.blocked.clear();
        self.choices.clear();
        self.open = None;
        self.last = None;
        self.is_at_rest = false;
        self.rested = 0;
        self.steps = 0;
    }

    /// The numbers of objects.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Goes on with the numbers of another recorder.
    pub fn set_names(&mut self, names: Names) {
        self.names = names;
    }

    /// How many steps the execution has taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The choices made since the last step.
    pub fn choices(&self) -> &[usize] {
        &self.choices
    }

    /// A choice was made.
    pub fn chose(&mut self, chosen: usize) {
        self.choices.push(chosen);
    }

    /// What a thread is about to do.
    pub fn pending(&self, thread: usize) -> Option<&Pending> {
        self.pending.get(thread)?.as_ref()
    }

    /// What the threads wait for that were blocked when nothing could move, the last time, or were about to do when the
    /// execution was given up.
    pub fn take_blocked(&mut self) -> Vec<Pending> {
        std::mem::take(&mut self.blocked)
    }

    /// The execution stands between two steps: what the last one did is known, and what the next ones may be.
    ///
    /// # Errors
    ///
    /// If there are too many threads.
    pub fn look_around(&mut self) -> Result<(), Divergence> {
        self.close_step();
        if shuttle::thread_count() > THREADS_MAX {
            return Err(format!("more than {THREADS_MAX} threads"));
        }
        self.look_at_threads();
        Ok(())
    }

    /// Nothing can move.
    pub fn rest(&mut self) {
        self.close_step();
        self.look_at_threads();
        self.is_at_rest = true;
        self.rested = self.steps;
        self.note_blocked();
    }

    /// The execution is given up here: what all threads were about to do is known, and nobody will do it.
    pub fn give_up(&mut self) {
        self.note_blocked();
    }

    fn note_blocked(&mut self) {
        self.blocked.clear();
        for pending in self.pending.iter().flatten() {
            if pending.touches.iter().any(|touch| touch.needs > Openness::CLOSED || touch.access == Access::Write) {
                let pending = Pending { touches: self.names.refreshed(&pending.touches), ..pending.clone() };
                self.blocked.push(pending);
            }
        }
    }

    /// The execution is over.
    pub fn finish(&mut self) {
        self.close_step();
    }

    /// A thread takes its step. In a beginning that is repeated the step is in the trace already.
    pub fn open_step(&mut self, thread: usize, node: usize) {
        let index = self.steps;
        self.steps += 1;
        self.last = Some(thread);
        self.choices.clear();
        self.is_at_rest = false;
        if index < self.trace.len() {
            return;
        }
        let pending = self.pending[thread].as_ref().expect("who takes a step was about to");
        let touches = self.names.refreshed(&pending.touches);
        self.open = Some(Event {
            thread,
            sequence: self.trace.next_sequence(thread),
            published: touches.clone(),
            touches,
            choices: Vec::new(),
            node,
            is_opaque: pending.is_opaque,
            rested: self.rested,
        });
    }

    /// What is known now about the step that was taken last becomes part of the trace.
    fn close_step(&mut self) {
        self.notes.clear();
        shuttle::take_notes(&mut self.notes);
        if self.is_at_rest {
            // Threads have left in the meantime, and that is no step.
            return;
        }
        let Some(mut event) = self.open.take() else {
            let choices = std::mem::take(&mut self.choices);
            if self.steps == 0 {
                self.trace.set_first_choices(choices);
            }
            return;
        };
        if !self.notes.is_empty() {
            let touches = &mut event.touches;
            for note in &self.notes {
                match *note {
                    Noted::Touched(mention, before) => {
                        let touch = self.names.touch(mention, before);
                        let is_known = |other: &Touch| (other.object, other.access) == (touch.object, touch.access);
                        if !touches.iter().any(is_known) {
                            touches.push(touch);
                        }
                    }
                    Noted::OnlyLooked(object) => {
                        let object = self.names.number(object);
                        for touch in touches.iter_mut().filter(|touch| touch.object == object) {
                            touch.access = Access::Read;
                        }
                    }
                }
            }
        }
        event.choices = std::mem::take(&mut self.choices);
        self.trace.push(event);
    }

    /// Learns what the thread that ran last and new threads are about to do.
    fn look_at_threads(&mut self) {
        if let Some(last) = self.last {
            self.look_at(last);
        }
        for thread in self.trace.thread_count()..shuttle::thread_count() {
            self.trace.born(self.steps.checked_sub(1));
            self.pending.push(None);
            self.look_at(thread);
        }
    }

    fn look_at(&mut self, thread: usize) {
        let (names, mentions) = (&mut self.names, &mut self.mentions);
        mentions.clear();
        self.pending[thread] = shuttle::published_step(thread, mentions).map(|step| {
            let touch = |mention: &Mention| names.touch(*mention, shuttle::openness(mention.object));
            Pending {
                thread,
                touches: mentions.iter().map(touch).collect(),
                is_opaque: step.is_opaque,
                location: step.location,
            }
        });
    }
}
