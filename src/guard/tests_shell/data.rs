//! Values, scripts and output are data: they arrive unchanged, byte for byte.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use sha2::{Digest as _, Sha256};

use super::{
    host::{Host, Running, Shell, deploy, find, recorded_group, run, whole},
    on_every_shell,
};
use crate::guard::{Lifeline, Nonce, ScriptStatus, Work};

on_every_shell!(
    nasty_values_are_data,
    no_separator_splits_our_own_words,
    every_byte_passes,
    a_script_is_started_by_its_first_line,
    a_binary_is_started_directly,
    a_big_script_arrives_whole,
    much_output_arrives_whole_on_both_streams,
    the_last_line_needs_no_newline,
    nothing_of_ours_reaches_the_script,
    nothing_goes_to_a_log_or_list,
);

const NASTY: [&str; 10] = [
    "$(touch pwned); \"'\n",
    "`touch pwned`",
    "\n\n",
    " two  blanks ",
    "",
    "-n",
    "\\0101\\n%s%d",
    "ü€😀",
    "'; touch pwned; '",
    "*",
];

/// Prints each argument and the variable `V` between marks that no value contains.
const TELL: &str = r#"for it in "$@" "$V"; do printf '<%s>|' "$it"; done"#;

fn nasty_values_are_data(shell: Shell) {
    let host = Host::new(shell);
    let args = NASTY.iter().map(ToString::to_string).collect::<Vec<_>>();
    for value in NASTY {
        for (at, mut request) in [run(TELL), deploy(format!("#!/bin/sh\n{TELL}\n"))].into_iter().enumerate() {
            request.args.clone_from(&args);
            request.env.insert("V".to_owned(), value.to_owned());
            if at == 1 {
                // One start for all values is enough; a second one would only attach.
                request.deploy_mut().revision = Some(value.to_owned()).filter(|it| !it.is_empty());
                fs::remove_dir_all(host.state()).ok();
            }
            let seen = host.finish(&request);
            let expected: String = NASTY.iter().chain([&value]).flat_map(|it| ["<", *it, ">|"]).collect();
            assert_eq!(seen.text(), expected);
            assert!(!host.home.path().join("pwned").exists());
        }
    }
}

fn no_separator_splits_our_own_words(shell: Shell) {
    let host = Host::new(shell);
    for mut request in [run("printf '%s' \"$IFS\" | wc -c"), deploy("echo ran")] {
        request.env.insert("IFS".to_owned(), "0123456789abcdef \n/=".to_owned());
        let seen = host.finish(&request);
        assert_eq!(seen.trailer().status, ScriptStatus::Exited(0));
        assert!(!seen.text().is_empty());
    }
    let group = recorded_group(&host.state().join("runs/r1-1")).unwrap();
    assert!(group.parse::<u32>().is_ok(), "{group:?}");
}

fn every_byte_passes(shell: Shell) {
    let host = Host::new(shell);
    let all: String = (1..=0x7f_u8).map(char::from).chain(('\u{80}'..='\u{2ff}').step_by(7)).collect();
    let mut request = run(r#"printf '%s' "$1$V""#);
    request.args.push(all.clone());
    request.env.insert("V".to_owned(), all.clone());
    for locale in ["C", "C.UTF-8"] {
        request.env.insert("LC_ALL".to_owned(), locale.to_owned());
        assert_eq!(host.finish(&request).text(), all.repeat(2));
    }
}

fn a_script_is_started_by_its_first_line(shell: Shell) {
    let host = Host::new(shell);
    let python = find("python3");
    let scripts = [
        format!("#!{}\nimport sys; print('python', sys.argv[1:])\n", python.display()),
        format!("#! {} -u\nimport sys; print('python', sys.argv[1:])", python.display()),
    ];
    for (at, script) in scripts.iter().enumerate() {
        let mut request = deploy(script).of_run(&format!("r{at}"));
        request.args.push("a b".to_owned());
        assert_eq!(host.finish(&request).text(), "python ['a b']\n");
    }
    let seen = host.finish(&deploy("echo \"plain $#\"; pwd; echo $0").of_run("plain"));
    let own_path = host.state().join("runs/plain-1/script");
    assert_eq!(seen.text(), format!("plain 0\n{}\n{}\n", host.home.path().display(), own_path.display()));
}

fn a_binary_is_started_directly(shell: Shell) {
    let host = Host::new(shell);
    let mut request = deploy(fs::read(find("printf")).unwrap());
    request.args = vec!["%s".to_owned(), "from an ELF file".to_owned()];
    assert_eq!(host.finish(&request).text(), "from an ELF file");
}

fn a_big_script_arrives_whole(shell: Shell) {
    let host = Host::new(shell);
    let mut script = b"#!/bin/sh\nwc -c <\"$0\"; exit 5\n".to_vec();
    script.extend((0..300_000_u32).flat_map(u32::to_le_bytes));
    let request = deploy(&script);
    let seen = host.finish(&request);
    assert_eq!(seen.trailer().status, ScriptStatus::Exited(5));
    assert_eq!(seen.text().trim(), script.len().to_string());
    let stored = host.state().join("runs/r1-1/script");
    assert_eq!(fs::read(&stored).unwrap(), script);
    assert_eq!(fs::metadata(&stored).unwrap().permissions().mode() & 0o777, 0o700);
}

fn much_output_arrives_whole_on_both_streams(shell: Shell) {
    let host = Host::new(shell);
    let script = "{ seq 1 150000; seq 1 150000; } >&2 & seq 1 150000 | tr 0 '\\036'; wait; printf end";
    let numbers: Vec<u8> = (1..=150_000).flat_map(|it| format!("{it}\n").into_bytes()).collect();
    let mut stdout: Vec<u8> = numbers.iter().map(|&byte| if byte == b'0' { 0x1e } else { byte }).collect();
    stdout.extend(b"end");
    let stderr = numbers.repeat(2);
    for request in [run(script), deploy(script)] {
        let seen = host.finish(&request);
        assert_eq!((seen.stdout.len(), seen.stderr.len()), (stdout.len(), stderr.len()));
        assert_eq!(Sha256::digest(&seen.stdout), Sha256::digest(&stdout));
        assert_eq!(Sha256::digest(&seen.stderr), Sha256::digest(&stderr));
        if matches!(request.work, Work::Deploy(_)) {
            assert_eq!(seen.trailer().stdout, Some(stdout.len() as u64));
            assert_eq!(seen.trailer().stderr, Some(stderr.len() as u64));
        }
    }
}

fn the_last_line_needs_no_newline(shell: Shell) {
    let host = Host::new(shell);
    for request in [run("printf out; printf err >&2"), deploy("printf out; printf err >&2")] {
        let seen = host.finish(&request);
        assert_eq!((&seen.stdout[..], &seen.stderr[..], &seen.noise[..]), (&b"out"[..], &b"err"[..], &b""[..]));
    }
}

/// Descriptors, ignored signals, umask, variables and stdin are the same as without the guard.
fn nothing_of_ours_reaches_the_script(shell: Shell) {
    let host = Host::new(shell);
    let file = host.home.path().join("tell");
    let tell = "umask; set -- /proc/self/fd/*; echo $#; cat; \
        while read -r a b; do case $a in Sig[BI]*) echo $a $b;; esac; done </proc/$$/status; env";
    fs::write(&file, tell).unwrap();
    let shell = find("dash");
    let alone = |command: &mut Command| {
        host.dress(command.stdin(Stdio::null()));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    // The test runner may have left a descriptor open, with a number that the guard uses.
    let tidy = "umask 027; exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$0\"";
    let expected = alone(Command::new(&shell).args(["-c", &format!("{tidy} tell")]).arg(&shell));
    assert!(expected.starts_with("0027\n"), "{expected}");
    let told = |text: &str| {
        // A shell counts its own depth, and each shell on the way may leave its own mark.
        let ours = |line: &&str| !["SHLVL=", "_=", "OLDPWD="].iter().any(|it| line.starts_with(it));
        let mut lines: Vec<String> = text.lines().filter(ours).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let deploying = deploy(format!("#!{}\n{tell}", shell.display()));
    for request in [run(&format!("exec {} tell", shell.display())), deploying] {
        let guard = host.command();
        let mut command = Command::new(&shell);
        command.args(["-c", &format!("{tidy} \"$@\"")]).arg(guard.get_program()).args(guard.get_args());
        host.dress(&mut command);
        let seen = Running::start(command, &request).finish();
        host.await_silence();
        let mut lines = told(seen.text());
        lines.retain(|line| line != "FLEETWIDE_PREVIOUS_REVISION=" && !line.starts_with("FLEETWIDE_GUARD="));
        assert_eq!(lines, told(&expected));
    }
}

/// The nonce and the values of the environment are in no argument list; the nonce is in no environment or file either.
fn nothing_goes_to_a_log_or_list(shell: Shell) {
    let host = Host::new(shell);
    let mut request = deploy("echo ready; sleep 300");
    request.env.insert("TOKEN".to_owned(), "a secret".to_owned());
    let nonce = Nonce::random();
    let mut running = Running::send_raw(host.command(), &whole(&request, &nonce), &nonce);
    running.until_printed("ready");
    let processes = host.processes();
    assert!(processes.len() > 3, "{processes:#?}");
    assert!(!processes.iter().any(|it| it.contains("a secret") || it.contains(nonce.as_str())), "{processes:#?}");
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&environment).contains(nonce.as_str()));
    }
    running.send(Lifeline::Kill);
    running.finish();
    host.await_silence();
    let state = host.state();
    for file in fs::read_dir(state.join("runs/r1-1")).unwrap().chain(fs::read_dir(&state).unwrap()).flatten() {
        let text = fs::read(file.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(nonce.as_str()) && !text.contains("a secret"), "{file:?}");
    }
}
