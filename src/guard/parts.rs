//! A script in parts: how they are combined for the host.

use std::fmt::Write as _;

use super::header::{RequestError, argument_name, check_name};

/// One of several steps of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// A plain word, for people who read the record on the host.
    pub name: String,
    /// The text for the host's `sh -c`, which gets the script's arguments.
    pub run: String,
    /// Whether a barrier follows the part: see [`Lifeline::Go`](super::Lifeline::Go). After the last part it has no
    /// effect.
    pub barrier: bool,
}

/// A script that runs the part named by its first argument: it becomes `sh -c -- TEXT sh ARGS…`. The `--` is needed
/// because a text may begin like an option.
pub(super) fn script(parts: &[Part], args: &[String]) -> Result<String, RequestError> {
    if parts.is_empty() {
        return Err(RequestError::NoParts);
    }
    let words = args.iter().enumerate().map(|(at, arg)| quoted(&argument_name(at), arg));
    let args = words.collect::<Result<String, _>>()?;
    let mut script = "case $1 in\n".to_owned();
    for (at, Part { name, run, .. }) in parts.iter().enumerate() {
        check_name("the part", name)?;
        let run = quoted(&format!("the part {name}"), run)?;
        writeln!(script, "{}) exec sh -c --{run} sh{args} ;;", at + 1)
            .expect("a String takes all that is written to it");
    }
    script.push_str("esac\n");
    Ok(script)
}

/// What is to be started, in order: each part's name, followed by a colon if a barrier follows.
pub(super) fn agenda(parts: &[Part]) -> impl Iterator<Item = String> {
    parts.iter().enumerate().map(|(at, Part { name, barrier, .. })| {
        let waits = *barrier && at + 1 < parts.len();
        format!("{name}{}", if waits { ":" } else { "" })
    })
}

/// `word` quoted for a POSIX shell, after a blank.
fn quoted(what: &str, word: &str) -> Result<String, RequestError> {
    if word.contains('\0') {
        return Err(RequestError::Nul { what: what.to_owned() });
    }
    Ok(format!(" '{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, run: &str) -> Part {
        Part { name: name.to_owned(), run: run.to_owned(), barrier: true }
    }

    #[test]
    fn each_part_is_a_shell_with_the_scripts_arguments() {
        let args = ["it's".to_owned(), String::new()];
        let script = script(&[part("fetch", "echo 'a'\n"), part("install", "exit 3")], &args).unwrap();
        let expected = r"case $1 in
1) exec sh -c -- 'echo '\''a'\''
' sh 'it'\''s' '' ;;
2) exec sh -c -- 'exit 3' sh 'it'\''s' '' ;;
esac
";
        assert_eq!(script, expected);
    }

    #[test]
    fn nothing_waits_behind_the_last_part() {
        let parts = [part("fetch", ""), Part { barrier: false, ..part("install", "") }, part("restart", "")];
        assert_eq!(agenda(&parts).collect::<Vec<_>>(), ["fetch:", "install", "restart"]);
    }

    #[test]
    fn what_no_host_could_run_is_not_sent() {
        let nul = |what: &str| Err(RequestError::Nul { what: what.to_owned() });
        assert_eq!(script(&[part("a", "x\0")], &[]), nul("the part a"));
        assert_eq!(script(&[part("a", "x")], &["\0".to_owned()]), nul("argument 1"));
        let name = "two words".to_owned();
        assert_eq!(script(&[part(&name, "x")], &[]), Err(RequestError::Name { what: "the part", name }));
    }
}
