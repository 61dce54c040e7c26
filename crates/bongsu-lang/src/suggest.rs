//! What a misspelt name was meant to be.
//!
//! In: a word and the names there are. Out: the one it is closest to, if it is close.

/// The known name few edits away from `word`, not counting case and underscores.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |name: &str| -> Vec<char> {
        name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).take(40).collect()
    };
    let wanted = plain(word);
    known
        .map(|name| (edits(&wanted, &plain(name)), name))
        .filter(|(edits, _)| *edits <= (wanted.len() / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements, and swaps of neighbours.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut rows = [Vec::new(), (0..=b.len()).collect::<Vec<usize>>()];
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let [before, above] = &rows;
            let mut least = (above[j] + usize::from(left != right)).min(above[j + 1] + 1);
            least = least.min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *right && b[j - 1] == *left {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        let [_, above] = rows;
        rows = [above, row];
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_meant() {
        let names = ["alert", "silence", "exit-codes", "tags"];
        for (word, want) in [
            ("alrt", Some("alert")),
            ("silense", Some("silence")),
            ("tgas", Some("tags")),
            ("TAGS", Some("tags")),
            ("zzz", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names.into_iter()), want, "{word}");
        }
    }
}
