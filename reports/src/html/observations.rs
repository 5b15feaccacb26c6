//! What was observed about a spec: the sentence, the program, the shortest way there, and who does not allow it.

use maud::{Markup, html};
use selvedge_verify::evidence::{Evidence, Observation};

use super::programs::program_anchor;
use super::{Code, Command, Number, Page, ROWS_SHOWN, Text, columns, scrolled};
use crate::report::{Look, ObservationRow, Sight, System};

impl Page<'_> {
    pub(super) fn observations(&self, position: usize, system: &System) -> Markup {
        html! {
            section aria-labelledby={ "observations-" (position) } {
                h2 id={ "observations-" (position) } { "Observations about specs: " (Text(&system.name)) }
                p {
                    "Something that a spec allows, though it may not be meant. Each is a statement about the model, found by "
                    "exploring it. That the real system does the same is a hypothesis until somebody has looked, and what "
                    "was looked at is said. Observations decide no verdict."
                }
                @for observation in &system.observations { (self.observation(observation)) }
            }
        }
    }

    fn observation(&self, row: &ObservationRow) -> Markup {
        let (found, others): (Vec<&Look>, Vec<&Look>) = row.looks.iter().partition(|look| look.sight == Sight::Allowed);
        html! {
            article.observation {
                h3 {
                    (Code(&row.name)) " "
                    @match row.sight {
                        Sight::Allowed => { (sight_chip(row.sight)) }
                        Sight::NotAllowed => { span.chip.skipped { "not found: nothing allows it" } }
                        Sight::Unknown => { span.chip.inconclusive { "not found, and not ruled out" } }
                    }
                }
                @for look in &found { (self.found(look)) }
                @if !others.is_empty() {
                    (scrolled("Where it is not allowed", html! {
                        table.beside {
                            caption {
                                @if found.is_empty() { "Who looked. " } @else { "Beside it. " }
                                "Not allowed: all outcomes were explored, and none is such."
                            }
                            thead {
                                tr {
                                    th scope="col" { "Program" }
                                    th scope="col" { "Spec" }
                                    th scope="col" { "Such an outcome" }
                                    th.number scope="col" { "States explored" }
                                    th scope="col" { "About it" }
                                }
                            }
                            tbody { @for look in others { (self.not_found(look)) } }
                        }
                    }))
                }
            }
        }
    }

    fn found(&self, look: &Look) -> Markup {
        let (record, observed) = self.look(look);
        let shown = &observed.rows[..observed.rows.len().min(ROWS_SHOWN)];
        html! {
            p.sentence { (Text(&observed.text)) }
            p {
                (self.program_of(record)) " under " (Text(&observed.spec)) ": there is an outcome with "
                (Code(&observed.condition)) ". All outcomes were looked for, in "
                (Number { at: &format!("/evidence/{}/states", look.evidence), value: record.states }) " states"
                @if !record.complete { ", and there may be more" }
                "."
            }
            div.found {
                pre.program tabindex="0" { code { (observed.program) } }
                div {
                    @if shown.is_empty() {
                        p { "The way there is longer than was looked for." }
                    } @else {
                        p { "A shortest way there, step by step, a column a thread:" }
                        (scrolled("The way there", columns(&observed.threads, shown)))
                        @if observed.rows.len() > shown.len() {
                            p.quiet data-left-out=(observed.rows.len() - shown.len()) {
                                "The record in " code.own { "report.json" } " has further steps that are not shown here."
                            }
                        }
                    }
                    @if let Some(outcome) = &observed.outcome { p { "It comes to: " (Code(outcome)) } }
                }
            }
            @if let Some(command) = &observed.command {
                p { "This prints it:" }
                (Command(command))
            }
        }
    }

    fn not_found(&self, look: &Look) -> Markup {
        let (record, observed) = self.look(look);
        html! {
            tr {
                th scope="row" { (self.program_of(record)) }
                td { (Text(&observed.spec)) }
                td { (Code(&observed.condition)) br; (sight_chip(look.sight)) }
                td.number { (Number { at: &format!("/evidence/{}/states", look.evidence), value: record.states }) }
                td {
                    (Text(&observed.text))
                    @if let Some(command) = &observed.command { details { summary { "command" } (Command(command)) } }
                }
            }
        }
    }

    fn look(&self, look: &Look) -> (&Evidence, &Observation) {
        let record = &self.report.evidence[look.evidence];
        (record, &record.observations[look.observation])
    }

    fn program_of(&self, record: &Evidence) -> Markup {
        match &record.program {
            Some(program) => html! { a href={ "#" (program_anchor(&record.system, program)) } { (Code(program)) } },
            None => html! { (Code(&record.check)) },
        }
    }
}

fn sight_chip(sight: Sight) -> Markup {
    let (sign, words, tone) = match sight {
        Sight::Allowed => ("◆", "the spec allows it", "inconclusive"),
        Sight::Unknown => ("?", "not known: too many states", "inconclusive"),
        Sight::NotAllowed => ("○", "not allowed", "skipped"),
    };
    html! { span class={ "chip " (tone) } { span aria-hidden="true" { (sign) " " } (words) } }
}
