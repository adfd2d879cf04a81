//! Foreign text made harmless for a terminal.
//!
//! The output of a host and the names of machines in a cloud are foreign data: they may move the cursor, set the
//! window's title, answer as if from the keyboard, hide or reverse characters. After [`block`] or [`line()`] they can
//! do none of that. Escape sequences vanish, because most of them are harmless colours; characters that do not belong
//! in text become `U+FFFD`, so that a reader sees that something was there.
//!
//! A pipeline's runner obeys text as well: GitHub Actions takes `::error::…` at the start of a line and `##[error]…`
//! anywhere in it (`ActionCommand.cs` of actions/runner), Azure Pipelines `##vso[…]`, `TeamCity` `##teamcity[…]`. A
//! blank inside the marker disarms the command. This is done on every screen, because the end of a pipe is unknown.
//!
//! Log files and JSON do not pass through here: logs keep the bytes as they came, JSON escapes.

use unicode_width::UnicodeWidthChar;

/// A longer line is cut, with a mark that gives the missing length. In characters.
pub const LONGEST_LINE: usize = 1_000;

/// Further marks on one letter are dropped: stacked high enough, they paint over other lines.
const MARKS_PER_LETTER: u8 = 4;

/// Makes text of several lines harmless. The only control characters left are `\n` and `\t`.
///
/// A line overwritten with carriage returns, as by progress bars, is reduced to its last state.
pub fn block(text: &str) -> String {
    // Most text is harmless already, and a flood of it must not be slow.
    if text.len() <= LONGEST_LINE && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let mut plain = text.to_owned();
        disarm(&mut plain, 0);
        return plain;
    }
    cleaned(text, LONGEST_LINE)
}

/// Makes text harmless and puts it on one line: for names, tags and messages.
pub fn line(text: &str) -> String {
    let mut line = block(text).replace(['\n', '\t'], " ");
    // Two lines without a command may form one when joined.
    disarm(&mut line, 0);
    line
}

/// True of one line, however long, that would be shown unchanged: text meant for copying must not be altered.
pub fn is_harmless_line(text: &str) -> bool {
    !text.contains(['\n', '\t']) && cleaned(text, usize::MAX) == text
}

fn cleaned(text: &str, longest: usize) -> String {
    let mut cleaner = Cleaner { out: String::with_capacity(text.len()), longest, ..Cleaner::default() };
    for c in text.chars() {
        cleaner.take(c);
    }
    cleaner.end_line();
    cleaner.out
}

/// The position in an escape sequence (ECMA-48).
#[derive(Clone, Copy, Default)]
enum State {
    /// Outside of any sequence.
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// In a control sequence, `ESC [ … letter`.
    Sequence,
    /// In a control string (a title, a link, a device's answer), until ST or BEL.
    Words,
    /// In a control string, after ESC: perhaps the first half of ST.
    WordsEscape,
}

#[derive(Default)]
struct Cleaner {
    out: String,
    /// The most characters kept of a line.
    longest: usize,
    state: State,
    /// The start of the current line in `out`.
    line_start: usize,
    /// A carriage return was seen: what comes next in this line replaces it.
    returned: bool,
    /// The number of marks on the current letter.
    marks: u8,
}

impl Cleaner {
    fn take(&mut self, c: char) {
        self.state = match self.state {
            State::Text => return self.text(c),
            State::Escape => match c {
                '[' => State::Sequence,
                ']' | 'P' | 'X' | '^' | '_' => State::Words,
                ' '..='/' => State::Escape,
                '0'..='~' => State::Text,
                _ => return self.again(c),
            },
            State::Sequence => match c {
                ' '..='?' => State::Sequence,
                '@'..='~' => State::Text,
                _ => return self.again(c),
            },
            State::Words => match c {
                '\u{7}' | '\u{9c}' => State::Text,
                '\u{1b}' => State::WordsEscape,
                // A string without an end must not swallow all that follows.
                '\n' => return self.again(c),
                _ => State::Words,
            },
            State::WordsEscape if c == '\\' => State::Text,
            State::WordsEscape => {
                self.state = State::Escape;
                return self.take(c);
            }
        };
    }

    /// The sequence is broken off: `c` is text.
    fn again(&mut self, c: char) {
        self.state = State::Text;
        self.text(c);
    }

    fn text(&mut self, c: char) {
        match c {
            '\n' => {
                self.end_line();
                self.out.push('\n');
                self.line_start = self.out.len();
            }
            '\r' => self.returned = true,
            '\u{8}' => {
                if self.out.len() > self.line_start {
                    self.out.pop();
                }
                // The number of marks left on the previous letter is unknown, so it takes no more.
                self.marks = MARKS_PER_LETTER;
            }
            '\u{1b}' => self.state = State::Escape,
            '\u{9b}' => self.state = State::Sequence,
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => self.state = State::Words,
            // NUL and BEL show nothing on a terminal either.
            '\0' | '\u{7}' => {}
            _ if is_invisible(c) => {}
            '\t' => self.push('\t'),
            _ if is_line_end(c) => self.push(' '),
            _ if c.is_control() || is_bidi_control(c) => self.push(char::REPLACEMENT_CHARACTER),
            _ => self.push(c),
        }
    }

    fn push(&mut self, c: char) {
        if std::mem::take(&mut self.returned) {
            self.out.truncate(self.line_start);
        }
        if c.width() == Some(0) {
            self.marks += 1;
            if self.marks > MARKS_PER_LETTER {
                self.marks = MARKS_PER_LETTER;
                return;
            }
        } else {
            self.marks = 0;
        }
        self.out.push(c);
    }

    fn end_line(&mut self) {
        self.returned = false;
        self.marks = 0;
        disarm(&mut self.out, self.line_start);
        let line = &self.out[self.line_start..];
        // There are at least as many bytes as characters, and bytes are far cheaper to count.
        if line.len() <= self.longest {
            return;
        }
        if let Some((cut, _)) = line.char_indices().nth(self.longest) {
            let missing = line[cut..].chars().count();
            self.out.truncate(self.line_start + cut);
            self.out.push_str(&format!(" [... {missing} more characters]"));
        }
    }
}

/// Disarms the commands to a pipeline's runner in the line that starts at `start`, in one pass however many it holds.
fn disarm(out: &mut String, start: usize) {
    let orders = orders(&out[start..]);
    if orders.is_empty() {
        return;
    }
    let armed = out.split_off(start);
    let mut from = 0;
    for at in orders {
        out.push_str(&armed[from..at]);
        out.push(' ');
        from = at;
    }
    out.push_str(&armed[from..]);
}

/// The places where a blank breaks the marker of each command in `line`.
fn orders(line: &str) -> Vec<usize> {
    let last = line.rfind("::");
    let is_order = |at: usize, sign: &[u8]| match sign {
        b"##" => line[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphanumeric()).starts_with('['),
        b"::" => {
            let begins = line[..at].chars().next_back().is_none_or(char::is_whitespace);
            let named = line[at + 2..].starts_with(|c: char| c.is_ascii_alphabetic());
            begins && named && last >= Some(at + 2)
        }
        _ => false,
    };
    let signs = line.as_bytes().windows(2).enumerate();
    signs.filter(|(at, sign)| is_order(*at, sign)).map(|(at, _)| at + 1).collect()
}

/// Characters that change the order in which others are shown (Unicode TR9).
pub(in crate::report) const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that end a line for readers that follow Unicode.
pub(in crate::report) const fn is_line_end(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that show nothing and can make two different names look the same.
pub(in crate::report) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
            // Fillers and control characters of single scripts, of shorthand and of music.
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_titles_and_links_vanish() {
        assert_eq!(block("\x1b[1;31mbad\x1b[0m news"), "bad news");
        assert_eq!(block("\x1b]0;owned\x07title"), "title");
        assert_eq!(block("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"), "link");
        assert_eq!(block("\u{9b}31mred\u{9d}0;t\u{9c}!"), "red!");
        assert_eq!(block("a\x1b(Bb\x1bcc\x1bP1$r\x1b\\d"), "abcd");
    }

    #[test]
    fn a_sequence_that_breaks_off_swallows_no_more_than_its_line() {
        assert_eq!(block("\x1b]0;never ended\nnext"), "\nnext");
        assert_eq!(block("\x1b[31\nnext"), "\nnext");
        assert_eq!(block("end\x1b"), "end");
        assert_eq!(block("\x1b[\x1b[31mx"), "x");
    }

    #[test]
    fn a_progress_bar_is_left_in_its_last_state() {
        assert_eq!(block("  1%\r 50%\r100%\r\ndone\r\n"), "100%\ndone\n");
        assert_eq!(block("10%\r20%\r"), "20%");
        assert_eq!(block("working |\x08/\x08-"), "working -");
        assert_eq!(block("a\n\x08\x08b"), "a\nb");
    }

    #[test]
    fn controls_and_reordering_show_as_a_mark_and_invisible_letters_go() {
        assert_eq!(block("a\u{202e}b\u{2066}c\u{1}d\u{7f}e"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
        assert_eq!(block("w\u{200b}e\u{feff}b\u{e0041}\0\x07"), "web");
        assert_eq!(block(&format!("a{}", "\u{301}".repeat(50))).chars().count(), 5);
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let cut = block(&format!("{}\nshort", "x".repeat(LONGEST_LINE + 5)));
        assert!(cut.ends_with("x [... 5 more characters]\nshort"), "{cut}");
        assert_eq!(block(&"é".repeat(LONGEST_LINE)), "é".repeat(LONGEST_LINE));
    }

    #[test]
    fn a_pipelines_runner_is_given_no_orders() {
        let cases = [
            ("::error file=a,line=1::boo", ": :error file=a,line=1::boo"),
            ("ok\n \t::ADD-MASK::x", "ok\n \t: :ADD-MASK::x"),
            ("done ::stop-commands::t", "done : :stop-commands::t"),
            ("it said ##[group]x ###[endgroup]", "it said # #[group]x ## #[endgroup]"),
            ("##vso[task.complete result=Succeeded;]", "# #vso[task.complete result=Succeeded;]"),
            ("##teamcity[buildStop]", "# #teamcity[buildStop]"),
            ("\u{200b}::er\x1b[0mror::x", ": :error::x"),
            ("#\x08##\u{feff}[error]x", "# #[error]x"),
            ("50%\r::error::x", ": :error::x"),
            ("section_start:1:a[collapsed=true]\r\x1b[0Kgone", "gone"),
        ];
        for (text, harmless) in cases {
            assert_eq!(block(text), harmless, "{text:?}");
        }
        let innocent = "::1 localhost\nstd::error::Error\n## [heading] ## a\nC::b::c ::";
        assert_eq!(block(innocent), innocent);
    }

    /// If the rest of the line were moved for each command, this would take longer than a test may.
    #[test]
    fn a_line_of_nothing_but_orders_is_disarmed_in_one_pass() {
        let mut line = "##[a]".repeat(2_000_000);
        disarm(&mut line, 0);
        assert_eq!(line.len(), 12_000_000);
        assert_eq!(line.matches("# #[a]").count(), 2_000_000);
    }

    #[test]
    fn a_name_stays_on_one_line() {
        assert_eq!(line("web\n\x1b[2Jroot\t#"), "web root #");
    }

    #[test]
    fn marks_do_not_stack_up_over_letters_that_are_taken_back() {
        let climbing = format!("a{}", "\u{301}\u{302}\u{303}\u{304}x\x08".repeat(9));
        assert_eq!(block(&climbing), "a\u{301}\u{302}\u{303}\u{304}");
    }

    #[test]
    fn what_is_to_be_copied_is_shown_whole_or_not_at_all() {
        for whole in ["fleetwide run web -- 'df -h'", &format!("fleetwide run -- {}", "x".repeat(3 * LONGEST_LINE))] {
            assert!(is_harmless_line(whole), "{whole}");
        }
        for altered in ["echo 'a\tb'", "echo 'a\nb'", "echo ::error::x", "printf '\x1b[1m'", "rm a\u{202e}b"] {
            assert!(!is_harmless_line(altered), "{altered}");
        }
    }

    /// Text made of harmful pieces, far denser than random characters would be.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            proptest::sample::select(vec![
                "\x1b",
                "\x1b[",
                "\x1b]",
                "\x1bP",
                "\x1b\\",
                "\u{9b}",
                "\u{9c}",
                "\u{9d}",
                "\x07",
                "\r",
                "\n",
                "\x08",
                "::",
                "##",
                "[",
                "error",
                " ",
                "\0",
                "31m",
                ";",
                "\u{202e}",
                "\u{2069}",
                "\u{200b}",
                "\u{301}",
                "text",
                "\t",
                "\u{85}",
                "\u{301}\u{302}\u{303}\u{304}",
            ])
            .prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    /// True when a runner would take the line for a command: its own rules, not ours.
    fn obeyed(line: &str) -> bool {
        let legacy = line.find("##[").is_some_and(|at| line[at..].contains(']'));
        let begun = line.trim_start().strip_prefix("::");
        let command = begun.and_then(|rest| rest.split_once("::")).map(|(command, _)| command);
        let named = command.is_some_and(|command| command.starts_with(|c: char| c.is_ascii_alphabetic()));
        legacy || named || line.contains("##vso[")
    }

    proptest! {
        #[test]
        fn nothing_harmful_ever_passes(text in hostile()) {
            let clean = block(&text);
            prop_assert!(!clean.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{clean:?}");
            prop_assert!(!clean.chars().any(is_bidi_control), "{clean:?}");
            prop_assert!(!clean.chars().any(is_invisible), "{clean:?}");
            prop_assert!(!line(&text).contains(['\n', '\t']));
            prop_assert!(!clean.lines().any(obeyed), "{clean:?}");
            prop_assert!(!obeyed(&line(&text)), "{clean:?}");
            let stacks = clean.split(|c: char| c.width() != Some(0));
            prop_assert!(stacks.map(|marks| marks.chars().count()).max() <= Some(MARKS_PER_LETTER.into()), "{clean:?}");
            prop_assert_eq!(block(&clean), clean.clone());
        }

        #[test]
        fn no_line_is_lost_or_made(text in hostile()) {
            prop_assert_eq!(block(&text).matches('\n').count(), text.matches('\n').count());
        }

        #[test]
        fn plain_text_is_left_alone(text in "[a-zäöü0-9 .,#\n\t]{0,200}") {
            prop_assert_eq!(block(&text), text);
        }
    }
}
