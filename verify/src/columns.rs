//! An execution as columns of plain text: one column a thread, one row a step.

use crate::evidence::Row;

/// Between two columns.
const GAP: &str = "  ";
/// Before a row where something shows, and before every other.
const MARK: (&str, &str) = ("> ", "  ");

/// Renders rows under their threads' names. Each column is as wide as its longest text; rows with
/// [`Row::here`] are marked by a `>` at the margin.
///
/// ```
/// use selvedge_verify::{columns, evidence::Row};
/// let row = |thread, text: &str, here| Row { thread, text: text.to_owned(), here };
/// let text = columns::render(&["T1", "T2"], &[row(0, "lock", false), row(1, "signal", true)]);
/// assert_eq!(text, "  T1    T2\n  ----  ------\n  lock\n>       signal\n");
/// ```
///
/// # Panics
///
/// If a row's thread has no name.
pub fn render<Name: AsRef<str>>(threads: &[Name], rows: &[Row]) -> String {
    let mut widths: Vec<usize> = threads.iter().map(|name| letters(name.as_ref())).collect();
    for row in rows {
        widths[row.thread] = widths[row.thread].max(letters(&row.text));
    }
    let mut text = String::new();
    push_line(&mut text, MARK.1, &widths, threads.iter().map(AsRef::as_ref));
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    push_line(&mut text, MARK.1, &widths, rules.iter().map(String::as_str));
    for row in rows {
        let cells = (0..threads.len()).map(|column| if column == row.thread { row.text.as_str() } else { "" });
        push_line(&mut text, if row.here { MARK.0 } else { MARK.1 }, &widths, cells);
    }
    text
}

fn push_line<'a>(text: &mut String, mark: &str, widths: &[usize], cells: impl Iterator<Item = &'a str>) {
    let mut line = mark.to_owned();
    for (column, (cell, width)) in cells.zip(widths).enumerate() {
        if column > 0 {
            line.push_str(GAP);
        }
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width - letters(cell)));
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must() {
        let row = |thread, text: &str, here| Row { thread, text: text.to_owned(), here };
        let rows = [row(1, "wait.relock → ok", false), row(0, "reads n = 0", true), row(2, "x", false)];
        let text = render(&["first", "T2", "a long name"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "  first        T2                a long name",
                "  -----------  ----------------  -----------",
                "               wait.relock → ok",
                "> reads n = 0",
                "                                 x",
            ]
        );
    }
}
