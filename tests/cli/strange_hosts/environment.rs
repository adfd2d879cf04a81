//! The environment of a login: masks, limits, languages, variables.

use super::host::{Fate, StrangeHost, all};

pub(super) fn rows() -> Vec<(&'static str, StrangeHost, Fate)> {
    let env = |variables: &[&str]| variables.iter().fold(StrangeHost::new(), |host, it| host.env(it));
    let bash_as_sh = |variables: &[&str]| env(variables).setup("mount --bind /usr/bin/bash /usr/bin/dash");
    let bashrc = |line: &str| StrangeHost::new().file(".bashrc", line);
    // A user without other processes on this machine, so that process limits count only the host's.
    let limited = |line: &str| bashrc(line).user(61_234);
    vec![
        ("umask 077", bashrc("umask 077"), Fate::Works),
        ("umask 000", bashrc("umask 000"), Fate::Works),
        ("umask 777", bashrc("umask 777").user(61_235), Fate::Works),
        ("TERM unset", bashrc("unset TERM"), Fate::Works),
        (
            "no environment at all but PATH and HOME",
            bashrc("exec env -i PATH=\"$PATH\" HOME=\"$HOME\" sh -c \"$BASH_EXECUTION_STRING\""),
            Fate::Works,
        ),
        ("a German locale", speaking("de_DE", "UTF-8"), Fate::Works),
        ("a Turkish locale", speaking("tr_TR", "UTF-8"), Fate::Works),
        ("a locale that is not UTF-8", speaking("de_DE", "ISO-8859-1"), Fate::Works),
        ("a locale that is not there", env(&["LC_ALL=xx_XX.UTF-8"]), Fate::Works),
        (
            "a German locale, and a full home",
            speaking("de_DE", "UTF-8")
                .setup("mount --bind /usr/bin/bash /usr/bin/dash; mount -t tmpfs -o size=64k none $DIR/home")
                .setup("head -c 100k /dev/zero >$DIR/home/full || true"),
            Fate::Unreachable("no space for the record"),
        ),
        (
            "SHELLOPTS=errexit:nounset:noglob:xtrace",
            bash_as_sh(&["SHELLOPTS=errexit:nounset:noglob:xtrace"]),
            Fate::Works,
        ),
        ("SHELLOPTS=noclobber:allexport", bash_as_sh(&["SHELLOPTS=noclobber:allexport"]), Fate::Works),
        ("SHELLOPTS=noexec", bash_as_sh(&["SHELLOPTS=noexec"]), Fate::Unreachable("exit status 0; look at")),
        (
            "SHELLOPTS=verbose:keyword:noglob",
            bash_as_sh(&["SHELLOPTS=verbose:keyword:noglob"]),
            Fate::Unreachable("could not start a session of its own"),
        ),
        ("POSIXLY_CORRECT", bash_as_sh(&["POSIXLY_CORRECT=1"]), Fate::Works),
        (
            "ENV and BASH_ENV that print and exit",
            env(&["ENV=$DIR/env", "BASH_ENV=$DIR/env"])
                .setup("echo 'echo from env; exit 4' >$DIR/env")
                .shell("/bin/zsh"),
            Fate::Works,
        ),
        ("BASH_ENV that exits, and bash", env(&["BASH_ENV=$DIR/env"]).setup("echo 'exit 4' >$DIR/env"), Fate::Works),
        (
            "CDPATH, IFS, GREP_OPTIONS, PS4, OPTIND and other oddities",
            env(&[
                "CDPATH=/etc:/usr",
                "IFS=0123456789abcdef",
                "GREP_OPTIONS=-v",
                "PS4=$(touch /tmp/pwned)",
                "OPTIND=9",
                "nonce=x",
                "mode=y",
                "dir=/etc",
                "state=/etc",
                "text=z",
                "group=1",
                "attached=1",
                "FLEETWIDE_PREVIOUS_REVISION=v0",
            ]),
            Fate::Works,
        ),
        (
            "PermitUserEnvironment, and junk in ~/.ssh/environment",
            StrangeHost::new()
                .option("PermitUserEnvironment yes")
                .file(".ssh/environment", "BASH_ENV=/no/such\nTMPDIR=/no/such\nIFS=/\nHOSTNAME=x"),
            Fate::Works,
        ),
        ("XDG_STATE_HOME is a relative path", env(&["XDG_STATE_HOME=state"]), Fate::Works),
        ("TMPDIR leads nowhere", env(&["TMPDIR=/no/such"]), Fate::Works),
        ("20 open files at most", limited("ulimit -n 20"), Fate::Works),
        ("12 open files at most", limited("ulimit -n 12"), Fate::Unreachable("could not start a session of its own")),
        ("6 open files at most", limited("ulimit -n 6"), Fate::Unreachable("the script never started")),
        ("2 processes at most", limited("ulimit -u 2"), Fate::Unreachable("the script never started")),
        ("files of 0 bytes at most", limited("ulimit -f 0"), Fate::Unreachable("no space for the record")),
        ("8 MB of memory at most", limited("ulimit -v 8000"), Fate::Works),
    ]
}

/// A locale of this host alone. Translated messages of the tools come from their packages, if those are installed.
fn speaking(language: &str, charset: &str) -> StrangeHost {
    let locale = format!("{language}.{charset}");
    StrangeHost::new()
        .setup("mount -t tmpfs none /usr/lib/locale")
        .setup(&format!("localedef --no-archive -i {language} -f {charset} {locale}"))
        .env(&format!("LANG={locale}"))
        .env(&format!("LC_ALL={locale}"))
        .env(&format!("LANGUAGE={language}"))
}

#[test]
fn every_environment() {
    all(&rows());
}
