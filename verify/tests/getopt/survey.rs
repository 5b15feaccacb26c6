//! What peers make of getopt's clauses, as it comes out when they are run: `cargo test -p selvedge-verify --test getopt survey
//! -- --nocapture` prints it.

use std::collections::BTreeMap;

use selvedge_verify::oracle::getopt::{peers, probes};

#[test]
fn the_survey_is_as_recorded() {
    let mut met: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for probe in probes() {
        let expected = probe.expected();
        for peer in peers() {
            let answer = (peer.parse)(&probe);
            let cell = met.entry((peer.name, probe.clause)).or_default();
            cell.1 += 1;
            if answer == expected {
                cell.0 += 1;
            } else {
                println!("{} {}: {probe}: {expected}; {} has {answer}", probe.clause, peer.name, peer.name);
            }
        }
    }
    let mut table = String::new();
    for ((peer, clause), (agreeing, asked)) in met {
        table += &format!("{peer:<16} {clause:<10} {agreeing} of {asked}\n");
    }
    insta::assert_snapshot!(table);
}
