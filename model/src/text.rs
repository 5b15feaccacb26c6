//! Reading the text forms that every spec shares: operations, return values, parameters and initial values.
//!
//! A spec states its vocabulary once, in [`Spec::forms`](crate::Spec::forms) and
//! [`Spec::parameters`](crate::Spec::parameters); the functions here read a text against it. Whatever does not fit is
//! reported with its place, what would have been accepted there and, for a slip of the pen, the word that was
//! probably meant.

use std::ops::{Range, RangeInclusive};

use crate::spec::{Form, Parameter, Unknown, Unreadable, nearest};

/// An operation's text, taken apart: the form it has and its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call<'a> {
    /// The form's name.
    pub name: &'static str,
    form: Form,
    arguments: Vec<Word<'a>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Word<'a> {
    text: &'a str,
    span: Range<usize>,
}

/// Reads `NAME ARGUMENT...` against the known forms. The number of arguments is the form's.
///
/// ```
/// use selvedge_model::Form;
/// const FORMS: &[Form] = &[Form::new("write", "VALUE", "Writes.")];
/// let call = selvedge_model::text::call("write 7", FORMS)?;
/// assert_eq!((call.name, call.number(0, 0_u8..=9)?), ("write", 7));
/// assert_eq!(selvedge_model::text::call("wriet 7", FORMS).unwrap_err().span, 0..5);
/// # Ok::<(), selvedge_model::Unreadable>(())
/// ```
///
/// # Errors
///
/// If the text is empty, the name is unknown, or there are too few or too many arguments.
pub fn call<'a>(text: &'a str, forms: &'static [Form]) -> Result<Call<'a>, Unreadable> {
    let mut words = words(text);
    if words.is_empty() {
        return Err(Unreadable {
            message: "an operation is missing".to_owned(),
            span: 0..text.len(),
            expected: forms.iter().map(usage).collect(),
        });
    }
    let name = words.remove(0);
    let Some(form) = forms.iter().find(|form| form.name == name.text) else {
        return Err(unknown_word("operation", &name, &forms.iter().map(|form| form.name).collect::<Vec<_>>()));
    };
    let wanted = form.arguments.split_whitespace().count();
    if words.len() != wanted {
        let span = words.get(wanted).map_or(name.span.start..text.trim_end().len(), |first_surplus| {
            first_surplus.span.start..text.trim_end().len()
        });
        let message = match wanted {
            0 => format!("`{}` takes no argument", form.name),
            _ if words.len() < wanted => format!("`{}` needs {}", form.name, form.arguments),
            _ => format!("`{}` takes only {}", form.name, form.arguments),
        };
        return Err(Unreadable { message, span, expected: vec![usage(form)] });
    }
    Ok(Call { name: form.name, form: *form, arguments: words })
}

impl Call<'_> {
    /// The argument at `index` as a number within `range`.
    ///
    /// # Errors
    ///
    /// If it is not a number, or one outside the range.
    ///
    /// # Panics
    ///
    /// If the form has no such argument: that is a defect of the spec.
    pub fn number<N>(&self, index: usize, range: RangeInclusive<N>) -> Result<N, Unreadable>
    where
        N: Copy + TryFrom<i64> + Into<i64>,
    {
        let word = &self.arguments[index];
        let (least, most): (i64, i64) = ((*range.start()).into(), (*range.end()).into());
        let wrong = |message: String| Unreadable {
            message,
            span: word.span.clone(),
            expected: vec![format!("a number from {least} to {most}")],
        };
        let number: i64 = word.text.parse().map_err(|_| {
            let what = self.form.arguments.split_whitespace().nth(index).unwrap_or("argument");
            wrong(format!("{what} of `{}` is not a number: `{}`", self.name, word.text))
        })?;
        if !(least..=most).contains(&number) {
            return Err(wrong(format!("{number} is out of range")));
        }
        N::try_from(number).map_err(|_| wrong(format!("{number} is out of range")))
    }
}

/// Reads one of some words, for instance an operation's return value: the value beside the word.
///
/// # Errors
///
/// If the text is none of them.
pub fn one_of<T: Clone>(text: &str, what: &str, known: &[(&str, T)]) -> Result<T, Unreadable> {
    let trimmed = text.trim();
    let start = text.find(trimmed).unwrap_or(0);
    let word = Word { text: trimmed, span: start..start + trimmed.len() };
    match known.iter().find(|(name, _)| *name == trimmed) {
        Some((_, value)) => Ok(value.clone()),
        None => Err(unknown_word(what, &word, &known.iter().map(|(name, _)| *name).collect::<Vec<_>>())),
    }
}

/// The value that each parameter has, in the order of `known`: the one given by name, else its default. The last of
/// several counts.
///
/// # Errors
///
/// If a parameter or a value is unknown.
pub fn choices(given: &[(String, String)], known: &'static [Parameter]) -> Result<Vec<&'static str>, Unknown> {
    let mut chosen: Vec<&'static str> = known.iter().map(|parameter| parameter.values[0]).collect();
    for (name, value) in given {
        let position = known
            .iter()
            .position(|parameter| parameter.name == name)
            .ok_or_else(|| unknown_name("parameter", name, known.iter().map(|parameter| parameter.name)))?;
        chosen[position] = known[position].values.iter().find(|candidate| *candidate == value).ok_or_else(|| {
            unknown_name(&format!("value of `{name}`"), value, known[position].values.iter().copied())
        })?;
    }
    Ok(chosen)
}

/// A name that is not among the known ones, as an error that lists them.
pub fn unknown_name<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Unknown {
    let known: Vec<&str> = known.into_iter().collect();
    Unknown {
        message: format!("unknown {what} `{name}`{}", did_you_mean(name, &known)),
        expected: known.into_iter().map(str::to_owned).collect(),
    }
}

/// An initial value within `range`.
///
/// # Errors
///
/// If it is outside the range.
pub fn initial_value<N>(name: &str, value: i64, range: RangeInclusive<N>) -> Result<N, Unknown>
where
    N: Copy + TryFrom<i64> + Into<i64>,
{
    let (least, most): (i64, i64) = ((*range.start()).into(), (*range.end()).into());
    let out_of_range = || Unknown {
        message: format!("{value} is out of range for `{name}`"),
        expected: vec![format!("a number from {least} to {most}")],
    };
    if !(least..=most).contains(&value) {
        return Err(out_of_range());
    }
    N::try_from(value).map_err(|_| out_of_range())
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, letter.is_whitespace()) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                words.push(Word { text: &text[from..at], span: from..at });
                start = None;
            }
            _ => {}
        }
    }
    words
}

fn usage(form: &Form) -> String {
    if form.arguments.is_empty() { form.name.to_owned() } else { format!("{} {}", form.name, form.arguments) }
}

fn unknown_word(what: &str, word: &Word<'_>, known: &[&str]) -> Unreadable {
    Unreadable {
        message: format!("unknown {what} `{}`{}", word.text, did_you_mean(word.text, known)),
        span: word.span.clone(),
        expected: known.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied()).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: &[Form] = &[Form::new("signal", "", "Wakes one."), Form::new("copy-range", "FROM TO", "Copies.")];

    #[test]
    fn a_call_is_taken_apart_whatever_the_blanks() {
        let call = call("  copy-range 3\t 250 ", FORMS).unwrap();
        assert_eq!(call.name, "copy-range");
        assert_eq!(call.number(0, 0_u8..=9), Ok(3));
        assert_eq!(call.number(1, 0_u8..=255), Ok(250));
    }

    #[test]
    fn errors_point_at_the_offending_bytes() {
        let unknown = call(" signl", FORMS).unwrap_err();
        assert_eq!(
            (unknown.message.as_str(), unknown.span),
            ("unknown operation `signl`; did you mean `signal`?", 1..6)
        );
        assert_eq!(unknown.expected, ["signal", "copy-range"]);

        let surplus = call("signal 1 2 ", FORMS).unwrap_err();
        assert_eq!((surplus.message.as_str(), surplus.span), ("`signal` takes no argument", 7..10));

        let missing = call("copy-range 1", FORMS).unwrap_err();
        assert_eq!((missing.message.as_str(), missing.span), ("`copy-range` needs FROM TO", 0..12));

        assert_eq!(call("", FORMS).unwrap_err().message, "an operation is missing");
        let call = call("copy-range x 10", FORMS).unwrap();
        let letter = call.number(0, 0_u8..=9).unwrap_err();
        assert_eq!((letter.message.as_str(), letter.span), ("FROM of `copy-range` is not a number: `x`", 11..12));
        let large = call.number(1, 0_u8..=9).unwrap_err();
        assert_eq!((large.message.as_str(), large.span), ("10 is out of range", 13..15));
        assert_eq!(large.expected, ["a number from 0 to 9"]);
    }

    #[test]
    fn parameters_keep_their_defaults() {
        const KNOWN: &[Parameter] = &[
            Parameter { name: "order", values: &["fifo", "any"], text: "Who goes first." },
            Parameter { name: "size", values: &["small", "large"], text: "How much." },
        ];
        let given = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(choices(&[], KNOWN), Ok(vec!["fifo", "small"]));
        assert_eq!(choices(&given("order", "any"), KNOWN), Ok(vec!["any", "small"]));
        let unknown = choices(&given("ordr", "any"), KNOWN).unwrap_err();
        assert_eq!(unknown.message, "unknown parameter `ordr`; did you mean `order`?");
        let unknown = choices(&given("size", "huge"), KNOWN).unwrap_err();
        assert_eq!(unknown.message, "unknown value of `size` `huge`");
        assert_eq!(unknown.expected, ["small", "large"]);
    }

    #[test]
    fn a_word_is_one_of_some() {
        let known = [("ok", 1), ("timeout", 2)];
        assert_eq!(one_of(" timeout", "answer", &known), Ok(2));
        let unknown = one_of(" timeot", "answer", &known).unwrap_err();
        assert_eq!(
            (unknown.message.as_str(), unknown.span),
            ("unknown answer `timeot`; did you mean `timeout`?", 1..7)
        );
    }

    #[test]
    fn an_initial_value_stays_in_range() {
        assert_eq!(initial_value("wait", 0xffff_ffff, 0..=u32::MAX), Ok(u32::MAX));
        let negative = initial_value("wait", -1, 0..=u32::MAX).unwrap_err();
        assert_eq!(negative.message, "-1 is out of range for `wait`");
    }
}
