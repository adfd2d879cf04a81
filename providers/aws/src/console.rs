//! The host keys in an instance's console output. Pure.
//!
//! At an instance's first boot, cloud-init prints its public host keys between two marks. The console holds everything
//! else that the instance prints, including text chosen by strangers (a login that `sshd` refused, for example). So a
//! mark or a key counts only if it is the whole line, apart from what cloud-init and the kernel put before it.

use provider_core::HostKey;

const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";

/// The names under which cloud-init's text reaches the console, besides directly.
const WRITERS: [&str; 3] = ["cloud-init", "ci-info", "ec2"];

/// The host keys that a console shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// These keys; never empty, and no two of one type.
    Keys(Vec<HostKey>),
    /// There is no mark.
    NoMark,
    /// The last opening mark has no closing mark after it.
    Cut,
    /// There is no whole key between the last marks.
    NoKey,
    /// There are two keys of one type: one of them is forged or stale.
    Doubtful,
}

/// The last keys that the console shows.
pub(crate) fn host_keys(console: &str) -> Shown {
    let lines: Vec<&str> = console.split(['\n', '\r']).map(content).collect();
    let Some(begin) = lines.iter().rposition(|line| *line == BEGIN) else { return Shown::NoMark };
    let shown = &lines[begin + 1..];
    // The same text may arrive in several ways at once, each with its own closing mark.
    let Some(end) = shown.iter().rposition(|line| *line == END) else { return Shown::Cut };

    let mut keys: Vec<HostKey> = shown[..end].iter().filter_map(|line| line.parse().ok()).collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        Shown::NoKey
    } else if keys.windows(2).any(|pair| pair[0].kind() == pair[1].kind()) {
        Shown::Doubtful
    } else {
        Shown::Keys(keys)
    }
}

/// The line without the prefix before cloud-init's own text: `[  179.878410] cloud-init[608]: `,
/// `<14>Sep  4 15:43:30 cloud-init: `, `ci-info: `.
fn content(line: &str) -> &str {
    let line = line.trim();
    let rest = line.strip_prefix('<').and_then(|rest| number(rest)?.strip_prefix('>')).unwrap_or(line);
    let rest = uptime(rest).or_else(|| date(rest)).unwrap_or(rest);
    let writer = WRITERS.iter().find_map(|writer| {
        let rest = rest.strip_prefix(writer)?;
        rest.strip_prefix('[').and_then(|rest| number(rest)?.strip_prefix(']')).unwrap_or(rest).strip_prefix(':')
    });
    // A time alone is the kernel's prefix; a date alone is not a prefix.
    writer.or_else(|| uptime(line)).unwrap_or(line).trim()
}

/// What follows one or more digits.
fn number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

/// What follows `[   12.345678] `.
fn uptime(text: &str) -> Option<&str> {
    let seconds = text.strip_prefix('[')?.trim_start_matches(' ');
    Some(number(number(seconds)?.strip_prefix('.')?)?.strip_prefix(']')?.trim_start())
}

/// What follows `Sep  4 15:43:30 `.
fn date(text: &str) -> Option<&str> {
    const SHAPE: &[u8] = b"Aaa 99 99:99:99 ";
    let (date, rest) = text.as_bytes().split_at_checked(SHAPE.len())?;
    let fits = SHAPE.iter().zip(date).all(|(shape, byte)| match shape {
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        b'9' => byte.is_ascii_digit() || *byte == b' ',
        other => other == byte,
    });
    (fits && std::str::from_utf8(rest).is_ok()).then(|| &text[SHAPE.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIErfdwGmpDTTl+oBGy7RHHLtBvkjaFuOT76TaKcARaaT";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIElcnDV7MZF3Ly5IFlcjC1edX1LMjy3gQJyGlRQq/aPQ";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBMQNDgxFHPtIq8j8KsHdnyZH4a/f7o8seD96KU77ldkVKp7OWj9n6GwkISQp2CwhnRs4ncXza0E4eiEMt1RqBM=";

    fn keys(lines: &[&str]) -> Shown {
        let mut keys: Vec<HostKey> = lines.iter().map(|line| line.parse().expect("a key")).collect();
        keys.sort();
        Shown::Keys(keys)
    }

    fn block(lines: &str) -> String {
        format!("{BEGIN}\n{lines}\n{END}\n")
    }

    #[test]
    fn what_cloud_init_prints_is_read() {
        let plain = format!(
            "[    0.000000] Linux version 6.1\r\nec2: \r\n<14>Nov  1 12:00:00 ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\n\
             <14>Nov  1 12:00:00 ec2: 256 SHA256:abc root@ip-10-0-0-1 (ED25519)\r\n\
             <14>Nov  1 12:00:00 ec2: -----END SSH HOST KEY FINGERPRINTS-----\r\n{}login: ",
            block(&format!("{ECDSA} root@ip-10-0-0-1\r\n{ONE} root@ip-10-0-0-1\r")).replace(END, &format!("{END}\r"))
        );
        assert_eq!(host_keys(&plain), keys(&[ONE, ECDSA]));
        for prefix in
            ["[  179.878410] cloud-init[608]: ", "<14>Sep  4 15:43:30 cloud-init: ", "ci-info: ", "[ 1.2] ", "  "]
        {
            let text: String =
                block(&format!("{ONE} root@x")).lines().map(|line| format!("{prefix}{line}\r\n")).collect();
            assert_eq!(host_keys(&text), keys(&[ONE]), "{prefix}");
        }
    }

    #[test]
    fn one_text_by_two_ways_at_once_is_read() {
        let console = format!(
            "{BEGIN}\n[ 1.2] cloud-init[6]: {BEGIN}\n{ONE} a\n{END}\n[ 1.3] cloud-init[6]: {ONE} a\n[ 1.3] cloud-init[6]: {END}\n"
        );
        assert_eq!(host_keys(&console), keys(&[ONE]));
    }

    #[test]
    fn the_last_boot_counts() {
        let boots = format!("{}rebooting\n{}", block(ONE), block(OTHER));
        assert_eq!(host_keys(&boots), keys(&[OTHER]));
        assert_eq!(host_keys(&format!("{}{BEGIN}\n{OTHER}\n", block(ONE))), Shown::Cut);
    }

    #[test]
    fn what_is_not_there_whole_is_told_apart() {
        let whole = block(ONE);
        assert_eq!(host_keys(""), Shown::NoMark);
        assert_eq!(host_keys(&whole[BEGIN.len() / 2..]), Shown::NoMark);
        assert_eq!(host_keys(&whole[..whole.len() - 3]), Shown::Cut);
        assert_eq!(host_keys(&block("")), Shown::NoKey);
        assert_eq!(host_keys(&block("ssh-ed25519 AAAA root@x\nno such key")), Shown::NoKey);
        assert_eq!(host_keys(&block(&format!("{ONE}\n{OTHER}"))), Shown::Doubtful);
    }

    #[test]
    fn words_that_strangers_chose_are_no_marks_and_no_keys() {
        let inside = |line: &str| block(&format!("{ONE}\n{line}"));
        for line in [
            &format!("[ 9.9] sshd[77]: Invalid user {ECDSA} from 192.0.2.7"),
            &format!("Nov  1 12:00:00 sshd: {ECDSA}"),
            &format!("Nov  1 12:00:00 {ECDSA}"),
            &format!("cloud-init[x]: {ECDSA}"),
            &format!("user {ECDSA}"),
            &format!("\u{1b}[2K{ECDSA}"),
            &format!("@cert-authority * {ECDSA}"),
        ] {
            assert_eq!(host_keys(&inside(line)), keys(&[ONE]), "{line:?}");
        }
        for before in ["sshd[77]: Invalid user ", "[ 9.9] sshd: ", "x", "\u{1b}[m", "Nov  1 12:00:00 "] {
            let forged: String = block(OTHER).lines().map(|line| format!("{before}{line}\n")).collect();
            assert_eq!(host_keys(&format!("{}{forged}", block(ONE))), keys(&[ONE]), "{before:?}");
        }
    }

    #[test]
    fn a_comment_with_tricks_in_it_is_left_behind() {
        let Shown::Keys(found) = host_keys(&block(&format!("{ONE} root@x\u{1b}]0;owned\u{7}\u{2028}static+db1 *")))
        else {
            panic!("the key is good");
        };
        assert_eq!(found[0].to_string(), ONE);
    }
}
