//! How a script file is started: the words of its command line.
//!
//! The guard starts the interpreter itself instead of leaving that to the kernel, because a home directory may be
//! mounted `noexec`. The first line is read as Linux reads it (`fs/binfmt_script.c`): an interpreter and at most
//! one argument, which may hold blanks.

/// The words before the script's own arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program<'a> {
    /// The interpreter and its argument; empty when the file is started directly.
    pub(super) interpreter: Vec<&'a [u8]>,
}

impl<'a> Program<'a> {
    /// Reads the first bytes of `script`. A file that begins with neither `#!` nor ELF is a shell script, as for a
    /// shell.
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

    /// The programs that the first line needs on the host: the interpreter, and the program that `env` looks for.
    pub(super) fn needs(&self) -> Vec<&'a [u8]> {
        let [interpreter, argument @ ..] = &self.interpreter[..] else { return Vec::new() };
        let mut needs = vec![*interpreter];
        if interpreter.rsplit(|&byte| byte == b'/').next() == Some(b"env")
            && let [argument] = argument
        {
            // With -S, `env` splits its only argument; without, it is one word.
            let words: Vec<&[u8]> = match argument.strip_prefix(b"-S") {
                Some(rest) => rest.split(|&byte| is_blank(byte)).filter(|word| !word.is_empty()).collect(),
                None => vec![argument],
            };
            let program = words.into_iter().find(|word| !word.contains(&b'='));
            needs.extend(program.filter(|word| !word.starts_with(b"-") && !word.contains(&b'\\')));
        }
        needs
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
    fn what_env_is_to_find_is_needed_too() {
        let needs = |script: &'static str| -> Vec<String> {
            Program::of(script.as_bytes())
                .needs()
                .into_iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect()
        };
        assert_eq!(needs("#!/bin/sh -e\n"), ["/bin/sh"]);
        assert_eq!(needs("echo"), ["sh"]);
        assert_eq!(needs("\u{7f}ELF..."), Vec::<String>::new());
        assert_eq!(needs("#!/usr/bin/env node\n"), ["/usr/bin/env", "node"]);
        assert_eq!(needs("#!/usr/bin/env -S A=1  python3 -u\n"), ["/usr/bin/env", "python3"]);
        assert_eq!(needs("#!env -Snode\n"), ["env", "node"]);
        for untold in ["#!/usr/bin/env\n", "#!/usr/bin/env -i\n", "#!/usr/bin/env -S -i sh\n", "#!/usr/bin/env A=1\n"] {
            assert_eq!(needs(untold), ["/usr/bin/env"], "{untold}");
        }
    }

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
