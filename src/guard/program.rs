//! How a script file is started: the words of its command line.
//!
//! The guard starts the interpreter itself instead of leaving that to the kernel, because a home directory may be
//! mounted `noexec`. The first line is read as Linux reads it (`fs/binfmt_script.c`): an interpreter and at most
//! one argument, which may hold blanks.

/// What stands in front of the script's own arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program<'a> {
    /// The interpreter and its argument; empty when the file is started directly.
    pub(super) interpreter: Vec<&'a [u8]>,
}

impl<'a> Program<'a> {
    /// Reads the first bytes of `script`. A file that is neither `#!` nor ELF is a shell script, as a shell would take it.
    pub(super) fn of(script: &'a [u8]) -> Self {
        const SHELL: &[u8] = b"sh";
        let interpreter = match script {
            [0x7f, b'E', b'L', b'F', ..] => Vec::new(),
            [b'#', b'!', rest @ ..] => {
                let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
                let line = trim(line);
                match line.iter().position(|&byte| is_blank(byte)) {
                    Some(end) => vec![&line[..end], trim(&line[end..])],
                    None if line.is_empty() => vec![SHELL],
                    None => vec![line],
                }
            }
            _ => vec![SHELL],
        };
        Self { interpreter }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn the_first_line_is_read_as_the_kernel_reads_it() {
        let words = |script: &'static str| -> Vec<String> {
            Program::of(script.as_bytes())
                .interpreter
                .into_iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect()
        };
        assert_eq!(words("#!/bin/sh\necho"), ["/bin/sh"]);
        assert_eq!(
            words("#! \t/usr/bin/env\tpython3 -u  \nx"),
            ["/usr/bin/env", "python3 -u"],
            "one argument, blanks and all"
        );
        assert_eq!(words("#!/bin/sh"), ["/bin/sh"], "no newline at all");
        assert_eq!(words("#!  \necho"), ["sh"]);
        assert_eq!(words("echo hello"), ["sh"]);
        assert_eq!(words(""), ["sh"]);
        assert_eq!(words("\u{7f}ELF..."), Vec::<String>::new());
        assert_eq!(words("#!/bin/sh\r\n"), ["/bin/sh\r"], "and fails as it would by hand");
    }
}
