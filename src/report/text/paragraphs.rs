//! Errors and hints on a terminal: wrapped between words, where the terminal itself would break anywhere. Pure.

use super::cells;

/// The labels that start a line of words; all other lines are drawings, or have a form of their own.
const LABELS: [&str; 3] = ["error: ", "caused by: ", "hint: "];

/// The indent of the further lines of a paragraph.
const INDENT: &str = "  ";

/// `text` with its lines of words wrapped at `width` cells. A word stays whole, and so does text between two backticks:
/// paths and commands are there to be copied.
pub fn paragraphs(text: &str, width: usize) -> String {
    let is_words = |line: &str| LABELS.iter().any(|label| line.starts_with(label));
    text.split_inclusive('\n').map(|line| if is_words(line) { broken(line, width) } else { line.to_owned() }).collect()
}

fn broken(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in words(line) {
        let cells = cells::width(word.trim_end());
        if used > INDENT.len() && used + cells > width {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(INDENT);
            used = INDENT.len();
        }
        out.push_str(word);
        used += cells::width(word);
    }
    out
}

/// The words of a line, each with the blanks after it.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in line.char_indices() {
        quoted ^= c == '`';
        if c == ' ' && !quoted && !line[at + 1..].starts_with(' ') {
            words.push(&line[start..=at]);
            start = at + 1;
        }
    }
    words.push(&line[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole_and_so_are_commands() {
        let text = "error: there is no such thing in this place\n    | drawn  as  it  is  whatever its width\n\
                    hint: try `fleetwide host-keys web --accept SHA256:abc`, or /a/path/that/is/longer/than/a/line\n";
        assert_eq!(
            paragraphs(text, 24),
            "error: there is no such\n  thing in this place\n    | drawn  as  it  is  whatever its width\n\
             hint: try\n  `fleetwide host-keys web --accept SHA256:abc`,\n  or\n  /a/path/that/is/longer/than/a/line\n"
        );
        assert_eq!(paragraphs(text, 200), text);
    }
}
