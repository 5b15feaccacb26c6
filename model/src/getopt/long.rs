//! Long names: which entry a name means, and what becomes of it.

use super::message::Complaint;
use super::profile::{Cluster, OneDash};
use super::{
    AMBIGUOUS, BAD, Call, Function, HasArg, INVALID_LETTER, LongOption, MISSING_LONG, NAME, SURPLUS, State,
    UNKNOWN_NAME, is_option,
};
use crate::RuleId;

/// What a name means.
enum Meaning {
    /// This entry.
    One(usize),
    /// Any of these.
    Several(Vec<usize>),
    Nothing,
}

impl State {
    /// GETOPT-20: whether the element is tried as a long name, and after which prefix. `None` if it is left to the
    /// letters.
    pub(super) fn try_long(&mut self, call: &Call<'_>, is_fresh: bool) -> Option<(RuleId, i32)> {
        call.table?;
        let element = self.element(self.optind)?.to_vec();
        let one_dash = call.profile.one_dash;
        if (is_fresh || one_dash == OneDash::Musl) && element.starts_with(b"--") {
            return Some(self.name(call, b"--", &element[2..], call.is_long_only()));
        }
        if call.profile.dash_in_cluster_begins_name && !is_fresh && self.cluster.starts_with(b"-") {
            let text = self.cluster.split_off(1);
            if text.is_empty() {
                self.cluster.clear();
                return Some((INVALID_LETTER, call.code_of_missing_argument()));
            }
            return Some(self.name(call, b"--", &text, call.is_long_only()));
        }
        if call.function != Function::GetoptLongOnly {
            return None;
        }
        let text = match one_dash {
            OneDash::Freebsd if !is_fresh => self.cluster.clone(),
            _ if !is_option(&element) => return None,
            OneDash::Glibc if !is_fresh || element.len() == 2 && call.find(element[1]).is_some() => return None,
            _ => element[1..].to_vec(),
        };
        let first = text[0];
        let name = name_of(&text);
        let meaning = self.meaning(call, &text, name, true, b"-");
        let falls_to_letters = match (one_dash, &meaning) {
            (OneDash::Musl, Meaning::One(_)) => false,
            (OneDash::Musl, _) => true,
            (OneDash::Freebsd, Meaning::Nothing) if first == b':' => false,
            (_, Meaning::Nothing) => call.find(first).is_some(),
            _ => false,
        };
        if falls_to_letters {
            return None;
        }
        Some(self.conclude(call, b"-", &text, &meaning))
    }

    /// A long name with its value, as far as `text` goes, after this prefix.
    pub(super) fn name(&mut self, call: &Call<'_>, prefix: &[u8], text: &[u8], long_only: bool) -> (RuleId, i32) {
        let meaning = self.meaning(call, text, name_of(text), long_only, prefix);
        self.conclude(call, prefix, text, &meaning)
    }

    fn meaning(&self, call: &Call<'_>, text: &[u8], name: &[u8], long_only: bool, prefix: &[u8]) -> Meaning {
        let profile = call.profile;
        let table = call.table.unwrap_or_default();
        if let Some(exact) = table.iter().position(|entry| entry.name == name) {
            return match profile.one_dash {
                OneDash::Musl if long_only && is_also_a_letter(call, prefix, text, name) => {
                    Meaning::Several(vec![exact])
                }
                _ => Meaning::One(exact),
            };
        }
        let is_letter =
            profile.one_dash == OneDash::Freebsd && prefix == b"-" && text[0] != b':' && call.find(text[0]).is_some();
        let mut hits = (0..table.len()).filter(|index| table[*index].name.starts_with(name));
        let Some(first) = hits.next() else { return Meaning::Nothing };
        if is_letter && name.len() == 1 {
            return Meaning::Nothing;
        }
        let differs = |other: &usize| {
            long_only && profile.long_only_makes_ambiguous
                || profile.identical_is_ambiguous
                || !is_same(&table[first], &table[*other])
        };
        let others: Vec<usize> = hits.filter(differs).collect();
        if others.is_empty() {
            if profile.one_dash == OneDash::Musl && long_only && is_also_a_letter(call, prefix, text, name) {
                return Meaning::Several(vec![first]);
            }
            return Meaning::One(first);
        }
        Meaning::Several([first].into_iter().chain(others).collect())
    }

    /// GETOPT-21 to 25.
    fn conclude(&mut self, call: &Call<'_>, prefix: &[u8], text: &[u8], meaning: &Meaning) -> (RuleId, i32) {
        let table = call.table.unwrap_or_default();
        // musl forgets to forget its offset, which shows where argv was changed in the middle of a cluster.
        if call.profile.cluster == Cluster::Pointer {
            self.cluster.clear();
        }
        self.optind += 1;
        let index = match meaning {
            Meaning::One(index) => *index,
            Meaning::Several(which) => {
                let candidates: Vec<&[u8]> = which.iter().map(|index| table[*index].name.as_slice()).collect();
                self.complain(call, 0, &Complaint::Ambiguous { prefix, text, candidates: &candidates });
                return (AMBIGUOUS, BAD);
            }
            Meaning::Nothing => {
                self.complain(call, 0, &Complaint::UnknownName { prefix, text });
                return (UNKNOWN_NAME, BAD);
            }
        };
        let entry = &table[index];
        let optopt = if entry.flag.is_some() && call.profile.flag_options_leave_optopt_zero { 0 } else { entry.val };
        let value = text.get(name_of(text).len() + 1..);
        match (entry.has_arg, value) {
            (HasArg::No, Some(_)) => {
                self.complain(call, optopt, &Complaint::Surplus { prefix, text, name: &entry.name });
                let told_apart = call.is_colon_mode() && call.profile.surplus_argument_is_told_as_missing;
                return (SURPLUS, if told_apart { i32::from(b':') } else { BAD });
            }
            (HasArg::Required | HasArg::Optional, Some(value)) => self.optarg = Some(value.to_vec()),
            (HasArg::Required, None) => match self.element(self.optind).map(<[u8]>::to_vec) {
                Some(next) => {
                    self.optarg = Some(next);
                    self.optind += 1;
                }
                None => {
                    self.complain(call, optopt, &Complaint::MissingAfterName { prefix, text, name: &entry.name });
                    return (MISSING_LONG, call.code_of_missing_argument());
                }
            },
            (HasArg::No | HasArg::Optional, None) => {}
        }
        self.longindex = index as i32;
        match entry.flag {
            Some(flag) => {
                self.flags.insert(flag, entry.val);
                (NAME, 0)
            }
            None => (NAME, entry.val),
        }
    }
}

/// What stands before the first `=`.
fn name_of(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Abbreviations of both mean the same.
fn is_same(one: &LongOption, other: &LongOption) -> bool {
    (one.has_arg, one.flag, one.val) == (other.has_arg, other.flag, other.val)
}

/// musl asks whether what stands between the first dash and the `=` is one byte, and occurs anywhere in optstring.
fn is_also_a_letter(call: &Call<'_>, prefix: &[u8], text: &[u8], name: &[u8]) -> bool {
    match (prefix, name) {
        (b"-", [letter]) => call.whole.contains(letter),
        (b"--", []) => text.starts_with(b"=") && call.whole.contains(&b'-'),
        _ => false,
    }
}
