//! `docs/command.md`, and what the report advises, against the command: nothing undocumented, nothing documented that there is not.

use std::collections::{BTreeMap, BTreeSet};

use scraper::{Html, Selector};
use selvedge_reports::cli;
use selvedge_reports::html::render;

use crate::support;

const PAGE: &str = include_str!("../../../docs/command.md");

/// What clap adds by itself, and therefore does not list before it parses.
const BUILT_IN: [&str; 2] = ["--help", "--version"];

/// The section on the options that every command has.
const EVERY_COMMAND: &str = "Every command";

#[test]
fn every_command_is_documented_and_every_documented_one_exists() {
    let mentioned = code_spans(section("")).filter_map(|span| named_command(span).map(str::to_owned));
    assert_eq!(mentioned.collect::<BTreeSet<_>>(), commands().into_keys().collect());
}

#[test]
fn every_option_of_every_command_is_documented_and_every_documented_one_exists() {
    for (name, options) in commands() {
        let described = rows(section(&name));
        assert_eq!(
            described.keys().collect::<BTreeSet<_>>(),
            options.keys().collect(),
            "left: the table below `## {name}`, right: `selvedge {name} --help`"
        );
        for (option, facts) in &options {
            for fact in facts {
                assert!(described[option].contains(fact), "{name} {option}: no `{fact}` in `{}`", described[option]);
            }
        }
    }
    let global = cli::command();
    let global = global.get_arguments().filter_map(long).chain(BUILT_IN.map(str::to_owned));
    assert_eq!(rows(section(EVERY_COMMAND)).into_keys().collect::<BTreeSet<_>>(), global.collect());
}

#[test]
fn no_line_names_an_option_that_its_command_does_not_have() {
    let spans: Vec<&str> = code_spans(PAGE).filter(|span| span.starts_with("selvedge ")).collect();
    check_lines(&spans);
}

#[test]
fn the_commands_that_the_report_advises_exist() {
    let page = Html::parse_document(&render(&support::report()));
    let commands = Selector::parse("#doubt code").unwrap();
    let advised = page.select(&commands).map(|code| code.text().collect::<String>());
    let advised: Vec<String> = advised.filter(|text| text.starts_with("selvedge ")).collect();
    assert!(advised.len() > 3, "{advised:?}");
    check_lines(&advised.iter().map(String::as_str).collect::<Vec<_>>());
}

#[track_caller]
fn check_lines(lines: &[&str]) {
    let commands = commands();
    let global: BTreeSet<String> = rows(section(EVERY_COMMAND)).into_keys().collect();
    let mut seen = 0;
    for span in lines {
        let name = named_command(span).unwrap_or_else(|| panic!("`{span}` names no command"));
        let options = commands.get(name).unwrap_or_else(|| panic!("`{span}`: there is no `{name}`"));
        for option in span.split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(options.contains_key(option) || global.contains(option), "`{span}`: `{name}` has no {option}");
            seen += 1;
        }
        // An option without which the command does not start belongs into the line that shows the command.
        for (option, _) in options.iter().filter(|(_, facts)| facts.iter().any(|fact| fact == "Required.")) {
            assert!(span.contains(option.as_str()), "`{span}` leaves {option} out");
        }
    }
    assert!(seen > 0, "no option is shown in use");
}

/// Every subcommand's long options, with what the page has to say of each: its short form, whether it is required, its
/// possible values.
fn commands() -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let facts = |argument: &clap::Arg| {
        let short = argument.get_short().map(|short| format!("`-{short} "));
        let required = argument.is_required_set().then(|| "Required.".to_owned());
        let takes_values = argument.get_action().takes_values();
        let values = argument.get_possible_values().into_iter().filter(|value| takes_values && !value.is_hide_set());
        short.into_iter().chain(required).chain(values.map(|value| value.get_name().to_owned())).collect()
    };
    cli::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| {
            let options = command.get_arguments().filter_map(|argument| Some((long(argument)?, facts(argument))));
            (command.get_name().to_owned(), options.collect())
        })
        .collect()
}

fn long(argument: &clap::Arg) -> Option<String> {
    argument.get_long().map(|long| format!("--{long}"))
}

/// What stands below `## title`; below no title, what stands before the first.
fn section(title: &str) -> &'static str {
    let mut sections = PAGE.split("\n## ");
    if title.is_empty() {
        return sections.next().unwrap_or_default();
    }
    let mut found = sections.skip(1).filter_map(|section| section.split_once('\n')).filter(|(name, _)| *name == title);
    found.next().map_or("", |(_, body)| body)
}

/// The rows of the tables that describe an option, by the option.
fn rows(section: &'static str) -> BTreeMap<String, &'static str> {
    let described = section.lines().filter_map(|line| {
        let rest = line.strip_prefix("| `--")?;
        let name = rest.split(['`', ' ']).next()?;
        Some((format!("--{name}"), line))
    });
    let mut rows = BTreeMap::new();
    for (option, line) in described {
        assert!(rows.insert(option.clone(), line).is_none(), "{option} is described twice");
    }
    rows
}

/// What stands between backticks, line by line, so that a block's fence is not taken for one of them.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The subcommand in `selvedge NAME ...`.
fn named_command(span: &str) -> Option<&str> {
    span.strip_prefix("selvedge ")?.split_whitespace().next()
}
