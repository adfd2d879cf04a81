//! The guard's text, as it is sent: the shell files that a request needs, one after the other.

/// The remote command line: reads the guard from stdin, byte by byte, up to a line `#.`, and becomes it.
///
/// It is one simple line without newline and `!`, and with only single quotes at its surface, so that every login shell
/// understands the same: POSIX shells, zsh, fish, csh and tcsh.
pub const COMMAND: &str =
    r##"exec sh -c 'eval "$(while IFS= read -r l; do [ "$l" = "#." ] && break; printf "%s\n" "$l"; done)"'"##;

/// The same as root. `sudo` fails instead of asking for a password; `-H` because the state is kept in root's own home.
pub const COMMAND_AS_ROOT: &str = r##"exec sudo -n -H sh -c 'eval "$(while IFS= read -r l; do [ "$l" = "#." ] && break; printf "%s\n" "$l"; done)"'"##;

/// Functions, in the order of their use.
const FUNCTIONS: &str = concat!(
    include_str!("shell/words.sh"),
    include_str!("shell/request.sh"),
    include_str!("shell/tools.sh"),
    include_str!("shell/record.sh"),
    include_str!("shell/lock.sh"),
    include_str!("shell/attach.sh"),
    include_str!("shell/processes.sh"),
    include_str!("shell/strike.sh"),
    include_str!("shell/launch.sh"),
    include_str!("shell/lifeline.sh"),
    include_str!("shell/output.sh"),
    include_str!("shell/supervise.sh"),
);

/// The main program.
const GUARD: &str = include_str!("shell/guard.sh");

/// Sent first. A login shell may read lines in the guard's place. It then reads some of these; the guard lacks the mark
/// and does nothing.
const FIRST: &str = "fw=1\n:\n:\n:\n";

/// Everything that a query needs.
const QUERY: &str = concat!(
    include_str!("shell/words.sh"),
    include_str!("shell/request.sh"),
    include_str!("shell/record.sh"),
    include_str!("shell/processes.sh"),
    include_str!("shell/query.sh"),
);

/// What a request does. Only the text that it needs is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Runs something, or follows it.
    Plain,
    /// The same, with input.
    Input,
    /// The same, for a script in parts.
    Parts,
    /// Reports the record.
    Query,
}

impl Purpose {
    /// The source of the needed files, in order.
    pub(super) fn source(self) -> String {
        match self {
            Self::Plain => [FUNCTIONS, GUARD].concat(),
            Self::Input => [FUNCTIONS, include_str!("shell/input.sh"), GUARD].concat(),
            Self::Parts => [FUNCTIONS, include_str!("shell/parts.sh"), GUARD].concat(),
            Self::Query => QUERY.to_owned(),
        }
    }

    /// The guard as it is sent: without comment lines, indentation and empty lines.
    pub(super) fn text(self) -> String {
        FIRST.to_owned() + &stripped(&self.source())
    }
}

fn stripped(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    for line in source.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_simple_line() {
        assert!(!COMMAND.contains(['\n', '!', '`']));
        assert_eq!(COMMAND.matches('\'').count(), 2);
        assert_eq!(COMMAND_AS_ROOT.strip_prefix("exec sudo -n -H "), COMMAND.strip_prefix("exec "));
    }

    /// The guard goes over the wire with every attempt, and needs little more than the first flight of a TCP connection
    /// (ten segments).
    #[test]
    fn the_guard_is_small_and_plain() {
        for (purpose, most) in
            [(Purpose::Plain, 16_700), (Purpose::Input, 17_200), (Purpose::Parts, 19_100), (Purpose::Query, 7_900)]
        {
            let text = purpose.text();
            assert!(text.len() < most, "{purpose:?}: {} bytes", text.len());
            assert!(text.is_ascii());
            assert!(text.lines().all(|line| line != "#."));
        }
    }
}
