//! The account that all cursors keep, and the loop that moves bytes for them.
//!
//! An account holds what is left of the current element and the elements after it, never an index: a transfer that ends
//! within the current element, the common case, is one comparison and takes its bytes off the front. How much is left
//! and where the transfer stands always change together, so that their sum is kept and not both.

use std::io::{IoSlice, IoSliceMut};
use std::{mem, slice, vec};

use super::user::Iovec;

/// Bytes side by side that are taken off the front.
pub(super) trait Piece: Default {
    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Takes `count` bytes, at most all, off the front.
    fn take_front(&mut self, count: usize) -> Self;
}

impl Piece for &[u8] {
    #[inline(always)]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline(always)]
    fn take_front(&mut self, count: usize) -> Self {
        let (front, rest) = self.split_at(count);
        *self = rest;
        front
    }
}

impl Piece for &mut [u8] {
    #[inline(always)]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline(always)]
    fn take_front(&mut self, count: usize) -> Self {
        let (front, rest) = mem::take(self).split_at_mut(count);
        *self = rest;
        front
    }
}

impl Piece for Iovec {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn take_front(&mut self, count: usize) -> Self {
        let front = Iovec { len: count, ..*self };
        *self = Iovec { base: self.base.wrapping_add(count), len: self.len - count };
        front
    }
}

/// So many bytes that are nowhere: what a move that copies nothing has on its other side.
#[derive(Clone, Copy, Default)]
pub(super) struct Nowhere(pub usize);

impl Piece for Nowhere {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0
    }

    #[inline(always)]
    fn take_front(&mut self, count: usize) -> Self {
        self.0 -= count;
        Nowhere(count)
    }
}

/// The elements of a vector that are yet to come.
pub(super) trait Elements: ExactSizeIterator {
    /// What the bytes of an element are.
    type Piece: Piece;

    /// All bytes of an element.
    fn piece(element: Self::Item) -> Self::Piece;
}

impl<'a, 'b> Elements for slice::Iter<'a, IoSlice<'b>> {
    type Piece = &'a [u8];

    #[inline(always)]
    fn piece(element: &'a IoSlice<'b>) -> &'a [u8] {
        element
    }
}

impl<'a, 'b> Elements for slice::IterMut<'a, IoSliceMut<'b>> {
    type Piece = &'a mut [u8];

    #[inline(always)]
    fn piece(element: &'a mut IoSliceMut<'b>) -> &'a mut [u8] {
        element
    }
}

impl Elements for vec::IntoIter<Iovec> {
    type Piece = Iovec;

    #[inline(always)]
    fn piece(element: Iovec) -> Iovec {
        element
    }
}

/// Where a transfer stands.
#[derive(Clone, Debug)]
pub(super) struct Account<P, E> {
    /// What is left of the current element. May be nothing: the next one is looked at when its bytes are wanted.
    current: P,
    /// The elements after it.
    rest: E,
    /// Whether there is a current element: always, but for a vector without any.
    has_current: bool,
    /// Bytes left, in all elements.
    resid: usize,
    /// Where in the device or file the transfer will stand when nothing is left. A position wraps around as the kernel's
    /// does; no file is that long.
    end: i64,
}

impl<P: Piece, E: Elements<Piece = P>> Account<P, E> {
    /// The account before anything is moved, of elements whose lengths add up to `resid` or to more.
    #[inline]
    pub fn new(mut elements: E, resid: usize, offset: i64) -> Self {
        let first = elements.next();
        let has_current = first.is_some();
        let end = offset.wrapping_add(resid as i64);
        Account { current: first.map(E::piece).unwrap_or_default(), rest: elements, has_current, resid, end }
    }

    #[inline]
    pub fn resid(&self) -> usize {
        self.resid
    }

    #[inline]
    pub fn offset(&self) -> i64 {
        self.end.wrapping_sub(self.resid as i64)
    }

    pub fn set_offset(&mut self, offset: i64) {
        self.end = offset.wrapping_add(self.resid as i64);
    }

    /// How many elements are left, the current one included, even if it is used up.
    pub fn elements_left(&self) -> usize {
        usize::from(self.has_current) + self.rest.len()
    }

    /// What is left of the current element, even if it is nothing, and the elements after it.
    pub fn left(&self) -> (&P, &E) {
        (&self.current, &self.rest)
    }

    /// What is left of the current element, once those that are used up are skipped: nothing only if nothing is left.
    #[inline]
    pub fn chunk(&mut self) -> &P {
        while self.current.len() == 0 && self.resid > 0 {
            self.skip();
        }
        &self.current
    }

    /// Moves bytes between the elements and `other`, as many as both have, and returns how many. `copy` gets pieces of
    /// equal length. Where the lengths add up to more than `resid`, `other` must not.
    #[inline]
    pub fn transfer<O: Piece>(&mut self, other: O, copy: impl Fn(P, O)) -> usize {
        let total = other.len();
        if total > self.current.len() {
            return self.transfer_on(other, copy);
        }
        self.resid -= total;
        copy(self.current.take_front(total), other);
        total
    }

    /// A transfer that goes on beyond the current element, or would if there were more.
    #[inline]
    fn transfer_on<O: Piece>(&mut self, mut other: O, copy: impl Fn(P, O)) -> usize {
        let total = other.len().min(self.resid);
        let mut other = other.take_front(total);
        self.resid -= total;
        while other.len() > self.current.len() {
            let now = other.take_front(self.current.len());
            copy(self.skip(), now);
        }
        copy(self.current.take_front(other.len()), other);
        total
    }

    /// Goes on to the next element, and returns what was left of the current one. There must be a next one.
    #[inline(always)]
    fn skip(&mut self) -> P {
        let next = self.rest.next().expect("what is left is in elements that are left");
        mem::replace(&mut self.current, E::piece(next))
    }
}
