//! The properties of the place that text goes to: terminal or not, width, colours, characters.

use anstyle::{Ansi256Color, AnsiColor, Style};
use sha2::{Digest, Sha256};

use crate::inventory::HostId;

/// What one output stream can show. The caller finds these facts, so tests can state them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Lines can be redrawn: a terminal with a cursor, watched by a person.
    pub live: bool,
    /// The width of a line in cells; `None` where nothing is cut (a file, a pipe).
    pub width: Option<usize>,
    /// Colours are wanted.
    pub colour: bool,
    /// Characters outside ASCII can be shown.
    pub unicode: bool,
}

impl Screen {
    /// A file or a pipe.
    pub const PLAIN: Self = Self { live: false, width: None, colour: false, unicode: true };

    /// What a stream can show. It is a `terminal` of this many `columns`, or not; the environment decides the rest.
    ///
    /// Obeys `NO_COLOR` before `CLICOLOR_FORCE` before `CLICOLOR`, `TERM=dumb`, `CI` (some pipelines have a terminal
    /// that nobody watches) and the locale.
    pub fn detect(terminal: bool, columns: Option<u16>, env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| env(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let pipeline = set("CI").is_some_and(|ci| ci != "false" && ci != "0");
        let colour = if set("NO_COLOR").is_some() {
            false
        } else if set("CLICOLOR_FORCE").is_some_and(|force| force != "0") {
            true
        } else {
            terminal && !dumb && set("CLICOLOR").is_none_or(|colour| colour != "0")
        };
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            live: terminal && !dumb && !pipeline,
            width: terminal.then(|| columns.map_or(80, usize::from).max(20)),
            colour,
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    /// `text` in `ink`, where colours are wanted.
    pub(in crate::report) fn paint(&self, ink: Ink, text: &str) -> String {
        if self.colour && !text.is_empty() {
            let style = ink.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// The signs that this screen can show.
    pub(in crate::report) const fn signs(&self) -> &'static Signs {
        if self.unicode { &UNICODE } else { &ASCII }
    }
}

/// The meaning of a piece of text. The colours are among the sixteen basic ones, which suit light and dark terminals
/// alike; only hosts, being many, have others.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) enum Ink {
    Good,
    Bad,
    Warning,
    Strong,
    Faint,
    /// One of the colours that distinguish hosts.
    Host(usize),
}

/// Colours of the 256 (the cube of xterm) that are neither red nor grey and can be read on black and on white.
const HOST_COLOURS: [u8; 10] = [31, 64, 97, 130, 133, 29, 67, 136, 132, 69];

impl Ink {
    /// The colour of `host`, the same in every run.
    pub(in crate::report) fn of_host(host: &HostId) -> Self {
        Self::Host(usize::from(Sha256::digest(host.as_str())[0]) % HOST_COLOURS.len())
    }

    fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default().bold(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Host(n) => Ansi256Color(HOST_COLOURS[n % HOST_COLOURS.len()]).on_default(),
        }
    }
}

/// Small symbols, or letters in their place.
#[derive(Debug)]
pub(in crate::report) struct Signs {
    pub(in crate::report) tick: &'static str,
    pub(in crate::report) cross: &'static str,
    pub(in crate::report) skip: &'static str,
    pub(in crate::report) dot: &'static str,
    pub(in crate::report) times: &'static str,
    pub(in crate::report) ellipsis: &'static str,
    pub(in crate::report) gutter: &'static str,
    pub(in crate::report) bar_done: &'static str,
    pub(in crate::report) bar_left: &'static str,
    /// From low to high.
    pub(in crate::report) spark: &'static [&'static str],
}

const UNICODE: Signs = Signs {
    tick: "✓",
    cross: "✗",
    skip: "–",
    dot: "·",
    times: "×",
    ellipsis: "…",
    gutter: "│",
    bar_done: "━",
    bar_left: "─",
    spark: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

const ASCII: Signs = Signs {
    tick: "ok",
    cross: "!!",
    skip: "--",
    dot: "-",
    times: "x",
    ellipsis: "...",
    gutter: "|",
    bar_done: "#",
    bar_left: ".",
    spark: &["_", ".", "-", "~", "^"],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(terminal: bool, columns: Option<u16>, env: &[(&str, &str)]) -> Screen {
        Screen::detect(terminal, columns, |name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// The contrast of two colours by WCAG 2: 3 is enough for large or bold text, 1 is none.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |[r, g, b]: [u8; 3]| {
            let linear = |part: u8| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn the_colours_of_hosts_can_be_read_on_light_and_dark() {
        let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
        for colour in HOST_COLOURS {
            let n = colour - 16;
            let rgb = [level(n / 36), level(n / 6 % 6), level(n % 6)];
            for (name, background) in [("black", [0; 3]), ("white", [255; 3])] {
                let contrast = contrast(rgb, background);
                assert!(contrast >= 3.0, "{colour} on {name}: {contrast:.1}");
            }
        }
    }

    #[test]
    fn a_terminal_is_live_and_coloured() {
        let utf8 = ("LANG", "en_GB.UTF-8");
        let found = screen(true, Some(132), &[utf8]);
        assert_eq!(found, Screen { live: true, width: Some(132), colour: true, unicode: true });
        assert_eq!(screen(true, None, &[]), Screen { live: true, width: Some(80), colour: true, unicode: false });
        assert_eq!(screen(false, Some(80), &[utf8]), Screen::PLAIN);
    }

    #[test]
    fn the_environment_has_its_say() {
        assert!(!screen(true, None, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]).colour);
        assert!(screen(true, None, &[("NO_COLOR", "")]).colour);
        assert!(screen(false, None, &[("CLICOLOR_FORCE", "1")]).colour);
        assert!(!screen(true, None, &[("CLICOLOR", "0")]).colour);
        let dumb = screen(true, None, &[("TERM", "dumb")]);
        assert!(!dumb.live && !dumb.colour);
        assert!(!screen(true, None, &[("CI", "true")]).live);
        assert!(!screen(true, None, &[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]).unicode);
    }
}
