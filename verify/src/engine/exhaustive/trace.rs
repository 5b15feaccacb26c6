//! The execution so far: its steps, what each touched, and which happened before which.
//!
//! Two steps of different threads depend on each other if they touch the same object and the touches do not commute.
//! *Happens-before* is the order that the threads themselves, the dependences and the starts of threads give; it is held
//! as a vector clock a step. Equivalent executions (in the sense of Mazurkiewicz) have the same steps and the same order.

use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

use rustc_hash::FxHasher;
use selvedge::platform::shuttle::{self, Access, Mention, ObjectId, Openness};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// What a step does with one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredTouch", into = "StoredTouch")]
pub struct Touch {
    /// The object, as [`Names`] numbers it.
    pub object: u32,
    /// What is done with it.
    pub access: Access,
    /// How far it must be open for the step to be taken.
    pub needs: Openness,
    /// How far it was open when the step was taken, or published if it has not been taken.
    pub before: Openness,
}

/// All that a step touches: one object or two, as a rule, for which no memory is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Touch>", into = "Vec<Touch>")]
pub struct Touches(SmallVec<[Touch; TOUCHES_INLINE]>);

const TOUCHES_INLINE: usize = 3;

impl From<Vec<Touch>> for Touches {
    fn from(touches: Vec<Touch>) -> Self {
        Self(touches.into())
    }
}

impl From<Touches> for Vec<Touch> {
    fn from(touches: Touches) -> Self {
        touches.0.into_vec()
    }
}

impl FromIterator<Touch> for Touches {
    fn from_iter<I: IntoIterator<Item = Touch>>(touches: I) -> Self {
        Self(touches.into_iter().collect())
    }
}

impl Deref for Touches {
    type Target = [Touch];

    fn deref(&self) -> &[Touch] {
        &self.0
    }
}

impl DerefMut for Touches {
    fn deref_mut(&mut self) -> &mut [Touch] {
        &mut self.0
    }
}

impl Touches {
    /// Adds one.
    pub fn push(&mut self, touch: Touch) {
        self.0.push(touch);
    }
}

/// A touch as it is written: object, access (0 reads, 1 writes, from 2 on a group), needs, before.
#[derive(Serialize, Deserialize)]
struct StoredTouch(u32, u16, u8, u8);

impl From<Touch> for StoredTouch {
    fn from(touch: Touch) -> Self {
        let access = match touch.access {
            Access::Read => 0,
            Access::Write => 1,
            Access::Group(group) => 2 + u16::from(group),
        };
        Self(touch.object, access, touch.needs.0, touch.before.0)
    }
}

impl From<StoredTouch> for Touch {
    fn from(StoredTouch(object, access, needs, before): StoredTouch) -> Self {
        let access = match access {
            0 => Access::Read,
            1 => Access::Write,
            group => Access::Group((group - 2) as u8),
        };
        Self { object, access, needs: Openness(needs), before: Openness(before) }
    }
}

/// Whether the order of two steps of different threads matters.
pub fn dependent(one: &[Touch], other: &[Touch]) -> bool {
    one.iter()
        .any(|one| other.iter().any(|other| one.object == other.object && !one.access.commutes_with(other.access)))
}

/// Numbers objects. An object's name does not depend on the schedule, so its number is kept over executions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Names {
    by_maker: Vec<Vec<u32>>,
    /// By number: maker, and how many the maker had made before.
    objects: Vec<(u32, u32)>,
}

impl Names {
    /// The number of an object.
    pub fn number(&mut self, object: ObjectId) -> u32 {
        let (maker, number) = (object.maker as usize, object.number as usize);
        if self.by_maker.len() <= maker {
            self.by_maker.resize_with(maker + 1, Vec::new);
        }
        let numbers = &mut self.by_maker[maker];
        while numbers.len() <= number {
            self.objects.push((object.maker, numbers.len() as u32));
            numbers.push(self.objects.len() as u32 - 1);
        }
        numbers[number]
    }

    /// What a step touches, with how far the objects are open now.
    pub fn refreshed(&self, touches: &Touches) -> Touches {
        let now = |touch: &Touch| {
            let (maker, number) = self.objects[touch.object as usize];
            shuttle::openness(ObjectId { maker, number })
        };
        if touches.iter().all(|touch| touch.before == now(touch)) {
            return touches.clone();
        }
        touches.iter().map(|touch| Touch { before: now(touch), ..*touch }).collect()
    }

    /// A mention as a touch.
    pub fn touch(&mut self, mention: Mention, before: Openness) -> Touch {
        Touch { object: self.number(mention.object), access: mention.access, needs: mention.needs, before }
    }
}

/// A step that was taken.
#[derive(Clone, Debug)]
pub struct Event {
    /// By which thread.
    pub thread: usize,
    /// Its number among the thread's steps, from 1.
    pub sequence: u32,
    /// What it was about to touch when it was published: the same wherever the thread takes the step.
    pub published: Touches,
    /// What it touched.
    pub touches: Touches,
    /// The choices that the thread made between this step and its next.
    pub choices: Vec<usize>,
    /// Where in the stack of decisions it was decided.
    pub node: usize,
    /// More than what the objects were open for decided whether it could be taken.
    pub is_opaque: bool,
    /// So many of the first steps came before nothing could move, and this one after: they happened before it.
    pub rested: usize,
}

/// One touch in the history of an object.
#[derive(Clone, Copy, Debug)]
struct Entry {
    event: u32,
    access: Access,
    before: Openness,
}

/// The steps of an execution.
#[derive(Debug, Default)]
pub struct Trace {
    /// The choices made before the first step.
    first_choices: Vec<usize>,
    events: Vec<Event>,
    /// One clock after the other, `width` numbers each.
    clocks: Vec<u32>,
    width: usize,
    /// By object.
    histories: Vec<Vec<Entry>>,
    /// By thread, its steps.
    threads: Vec<Vec<u32>>,
    /// By thread, the step after which it was started, if any.
    births: Vec<Option<u32>>,
}

impl Trace {
    /// The steps.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The choices that were made before the first step.
    pub fn set_first_choices(&mut self, choices: Vec<usize>) {
        self.first_choices = choices;
    }

    /// The number of steps.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// The number of threads known.
    pub fn thread_count(&self) -> usize {
        self.births.len()
    }

    /// A thread is seen for the first time, after the step that was taken last.
    pub fn born(&mut self, after: Option<usize>) {
        self.births.push(after.map(|event| event as u32));
        if self.threads.len() < self.births.len() {
            self.threads.push(Vec::new());
        }
        self.widen(self.births.len());
    }

    fn widen(&mut self, threads: usize) {
        if threads <= self.width {
            return;
        }
        let (old, new) = (self.width, threads.next_power_of_two().max(4));
        let mut clocks = vec![0; self.events.len() * new];
        for event in 0..self.events.len() {
            clocks[event * new..event * new + old].copy_from_slice(&self.clocks[event * old..(event + 1) * old]);
        }
        (self.clocks, self.width) = (clocks, new);
    }

    /// The step that a thread takes next would have this number.
    pub fn next_sequence(&self, thread: usize) -> u32 {
        self.threads[thread].len() as u32 + 1
    }

    /// The last step of a thread, or the step after which it was started.
    pub fn last_of(&self, thread: usize) -> Option<usize> {
        self.threads[thread].last().copied().or(self.births[thread]).map(|event| event as usize)
    }

    /// What came before a step in its own thread; before its thread was started, if it is the first.
    pub fn predecessor(&self, event: usize) -> Option<usize> {
        let Event { thread, sequence, .. } = self.events[event];
        let before = match sequence {
            1 => self.births[thread],
            _ => Some(self.threads[thread][sequence as usize - 2]),
        };
        before.map(|event| event as usize)
    }

    /// Adds a step.
    pub fn push(&mut self, event: Event) {
        let index = self.events.len();
        let start = index * self.width;
        self.clocks.resize(start + self.width, 0);
        if event.rested > 0 {
            for (thread, steps) in self.threads.iter().enumerate() {
                self.clocks[start + thread] = steps.partition_point(|&step| (step as usize) < event.rested) as u32;
            }
        }
        if let Some(last) = self.last_of(event.thread) {
            Self::join(&mut self.clocks, self.width, start, last);
        }
        for touch in event.touches.iter() {
            self.join_dependences(start, touch);
        }
        self.clocks[start + event.thread] = event.sequence;
        for touch in event.touches.iter() {
            let object = touch.object as usize;
            if self.histories.len() <= object {
                self.histories.resize_with(object + 1, Vec::new);
            }
            self.histories[object].push(Entry { event: index as u32, access: touch.access, before: touch.before });
        }
        self.threads[event.thread].push(index as u32);
        self.events.push(event);
    }

    /// Joins the clock of a step into the newest, which begins at `start`.
    fn join(clocks: &mut [u32], width: usize, start: usize, other: usize) {
        let (older, newest) = clocks.split_at_mut(start);
        for (time, other) in newest.iter_mut().zip(&older[other * width..(other + 1) * width]) {
            *time = (*time).max(*other);
        }
    }

    /// Joins the last steps that depend on the touch: those between them and it commute with it, those before them
    /// happened before them.
    fn join_dependences(&mut self, start: usize, touch: &Touch) {
        let Some(history) = self.histories.get(touch.object as usize) else { return };
        let mut at = history.len();
        while at > 0 && history[at - 1].access.commutes_with(touch.access) {
            at -= 1;
        }
        while at > 0 {
            at -= 1;
            Self::join(&mut self.clocks, self.width, start, history[at].event as usize);
            if at == 0 || !history[at - 1].access.commutes_with(history[at].access) {
                break;
            }
        }
    }

    /// Forgets all but the first steps.
    pub fn truncate(&mut self, len: usize) {
        while self.events.len() > len {
            let event = self.events.pop().expect("there are more");
            for touch in event.touches.iter() {
                self.histories[touch.object as usize].pop();
            }
            self.threads[event.thread].pop();
        }
        self.clocks.truncate(len * self.width);
    }

    /// Forgets which threads there are: they are seen again.
    pub fn forget_births(&mut self) {
        self.births.clear();
    }

    /// A name for the equivalence class of the execution: the same for two executions if one comes from the other by
    /// swapping neighbouring steps that do not depend on each other, and otherwise different but for a chance of about
    /// one in 2⁶⁴ for each pair.
    pub fn class(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.first_choices.hash(&mut hasher);
        // Objects are told apart by where they are first met, so that the name does not depend on how they are numbered.
        let mut met: Vec<u32> = Vec::new();
        let mut nickname = |object: u32| {
            met.iter().position(|&other| other == object).unwrap_or_else(|| {
                met.push(object);
                met.len() - 1
            })
        };
        for steps in &self.threads {
            0xFEu8.hash(&mut hasher);
            for &step in steps {
                let step = step as usize;
                self.events[step].choices.hash(&mut hasher);
                for touch in self.events[step].touches.iter() {
                    (nickname(touch.object), touch.access).hash(&mut hasher);
                }
                self.clocks[step * self.width..(step + 1) * self.width].hash(&mut hasher);
            }
        }
        // The hasher is quick and mixes little: once more.
        let mixed = hasher.finish().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 29)
    }

    /// Whether a step happened before another, or is it.
    pub fn happened_before(&self, earlier: usize, later: usize) -> bool {
        let Event { thread, sequence, .. } = self.events[earlier];
        self.clocks[later * self.width + thread] >= sequence
    }

    /// How far an object is open after the steps before `event` and those after it that did not happen after it, as far
    /// as they come before `until`. `None` if nothing that happened after it touched the object.
    ///
    /// This is what a step needs to know that is to be taken before `event`. It is exact for objects whose steps are all
    /// ordered with each other: those that did not happen after `event` are then the first of them.
    pub fn openness_without(&self, event: usize, object: u32, until: usize) -> Option<Openness> {
        let history = self.histories.get(object as usize)?;
        let from = history.partition_point(|entry| (entry.event as usize) < event);
        history[from..]
            .iter()
            .take_while(|entry| (entry.event as usize) < until)
            .find(|entry| self.happened_before(event, entry.event as usize))
            .map(|entry| entry.before)
    }

    /// Calls `visit` for the steps before `until` that a touch could change places with: newest first, in groups of which
    /// none is ordered with the others through the object. Stops when `visit` says so.
    pub fn visit_conflicts(&self, touch: &Touch, until: usize, mut visit: impl FnMut(&[usize]) -> bool) {
        let Some(history) = self.histories.get(touch.object as usize) else { return };
        let mut at = history.partition_point(|entry| (entry.event as usize) < until);
        let mut group = Vec::new();
        while at > 0 {
            let entry = history[at - 1];
            at -= 1;
            if entry.access.commutes_with(touch.access) {
                continue;
            }
            group.push(entry.event as usize);
            if at == 0 || !history[at - 1].access.commutes_with(entry.access) {
                if visit(&group) {
                    return;
                }
                group.clear();
            }
        }
    }
}
