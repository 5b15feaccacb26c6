//! What is wrong with a text: where, why, and what would have been accepted.

use std::fmt;
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// Bytes of the text, always on character boundaries.
pub type Span = Range<usize>;

/// At most this many problems of one text are reported; reading stops there.
pub const PROBLEMS_MAX: usize = 32;

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// What is wrong, one sentence, without a full stop.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to say right there; often what was expected.
    pub label: String,
    /// Another place that matters, for instance the first of two declarations, and what to say there.
    pub related: Option<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Diagnostic { message: message.into(), span, label: label.into(), related: None, help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Points at a second place.
    pub(crate) fn and(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let main = LabeledSpan::new_primary_with_span(Some(self.label.clone()), self.span.clone());
        let related =
            self.related.iter().map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), span.clone()));
        Some(Box::new(std::iter::once(main).chain(related)))
    }
}

/// Everything that is wrong with a text, in the order of the text. Never empty.
///
/// [`Display`](fmt::Display) gives one line a problem, `NAME:LINE:COLUMN: MESSAGE`, which editors understand;
/// [`Diagnostics::render`] shows the lines of the text with carets. It is also a [`miette::Diagnostic`].
pub struct Diagnostics {
    source: NamedSource<String>,
    problems: Vec<Diagnostic>,
    stopped: bool,
}

impl Diagnostics {
    pub(crate) fn new(name: &str, text: &str, mut problems: Vec<Diagnostic>) -> Self {
        assert!(!problems.is_empty(), "an error says what is wrong");
        problems.sort_by_key(|problem| problem.span.start);
        let stopped = problems.len() > PROBLEMS_MAX;
        problems.truncate(PROBLEMS_MAX);
        Diagnostics { source: NamedSource::new(name, text.to_owned()), problems, stopped }
    }

    /// The name of the text, as it was given to the parser.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.source.inner()
    }

    /// The problems.
    pub fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }

    /// Whether there are more problems than [`PROBLEMS_MAX`].
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// The line and the column of a place, both from 1; the column counts characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.text()[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line_of(self.text(), offset), before[start..].chars().count() + 1)
    }

    /// The problems with the lines of the text and carets, for a terminal without colours.
    pub fn render(&self) -> String {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
        let mut out = String::new();
        for problem in &self.problems {
            let located = Located { problem, source: &self.source };
            handler.render_report(&mut out, &located).expect("writing to a string does not fail");
        }
        if self.stopped {
            out.push_str(STOPPED);
            out.push('\n');
        }
        out
    }
}

const STOPPED: &str = "and more: too many problems to list";

/// The line of a place, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let (line, column) = self.line_and_column(problem.span.start);
            write!(f, "{}:{line}:{column}: {}", self.name(), problem.message)?;
            if let Some(help) = &problem.help {
                write!(f, " ({help})")?;
            }
        }
        if self.stopped {
            write!(f, "\n{}: {STOPPED}", self.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

impl std::error::Error for Diagnostics {}

impl miette::Diagnostic for Diagnostics {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn miette::Diagnostic)))
    }
}

/// One problem together with its text.
struct Located<'a> {
    problem: &'a Diagnostic,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl fmt::Debug for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Located<'_> {}

impl miette::Diagnostic for Located<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.problem.labels()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }
}
