//! Colours: whether, in which depth, and what they mean.

use super::is_terminal;

/// When to use colours; the value of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum When {
    /// In a terminal.
    #[default]
    Auto,
    /// Also into a pipe.
    Always,
    /// Not at all.
    Never,
}

impl std::str::FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "" | "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err("expected auto, always or never"),
        }
    }
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    /// The word `Error:`.
    Error,
    /// The header of a list.
    Header,
    /// The names of columns.
    Heading,
    /// An identity or policy.
    Identity,
    /// A rule that allows.
    Allow,
    /// A rule that denies.
    Deny,
    /// What is up.
    Up,
    /// What needs attention.
    Warning,
    /// Where something comes from.
    Metadata,
    /// What matters most in a line.
    Bold,
    /// What matters least.
    Faint,
}

/// Whether and in which depth to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Plain,
    /// The 16 colours of every terminal.
    Basic,
    /// 256 colours.
    Indexed,
    /// 24 bits.
    True,
}

impl Style {
    pub(crate) fn of_stdout(when: When) -> Self {
        Self::decide(when, is_terminal(), |name| std::env::var(name).ok())
    }

    pub(crate) fn of_stderr(terminal: bool) -> Self {
        Self::decide(When::Auto, terminal, |name| std::env::var(name).ok())
    }

    fn decide(when: When, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name: &str, values: &[&str]| variable(name).is_some_and(|value| values.contains(&value.as_str()));
        let given = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let wanted = match when {
            When::Always => true,
            When::Never => false,
            When::Auto if given("NO_COLOR") || is("TERM", &["dumb"]) => false,
            When::Auto if given("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", &["0"]) => true,
            When::Auto => terminal && !is("CLICOLOR", &["0"]),
        };
        match wanted {
            false => Self::Plain,
            true if is("COLORTERM", &["truecolor", "24bit"]) => Self::True,
            true if when == When::Always || variable("TERM").is_some_and(|term| term.contains("256color")) => {
                Self::Indexed
            }
            true => Self::Basic,
        }
    }

    /// `text`, coloured.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        // Red, green, blue; number among 256; number among 16.
        let (rgb, indexed, basic) = match colour {
            _ if self == Self::Plain => return text.to_owned(),
            Colour::Header => return format!("\x1b[4m{text}\x1b[0m"),
            Colour::Heading => return format!("\x1b[1;4m{text}\x1b[0m"),
            Colour::Bold => return format!("\x1b[1m{text}\x1b[0m"),
            Colour::Faint => return format!("\x1b[2m{text}\x1b[0m"),
            Colour::Error => ("172;0;0", 124, 31),
            Colour::Identity => ("46;66;209", 26, 34),
            Colour::Allow => ("0;167;0", 34, 32),
            Colour::Deny => ("213;0;0", 160, 31),
            Colour::Up => ("0;247;0", 46, 92),
            Colour::Warning => ("215;135;0", 172, 33),
            Colour::Metadata => ("0;175;175", 37, 36),
        };
        match self {
            Self::True => format!("\x1b[38;2;{rgb}m{text}\x1b[0m"),
            Self::Indexed => format!("\x1b[38;5;{indexed}m{text}\x1b[0m"),
            _ => format!("\x1b[{basic}m{text}\x1b[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(when: When, terminal: bool, variables: &[(&str, &str)]) -> Style {
        Style::decide(when, terminal, |name| {
            variables.iter().find(|variable| variable.0 == name).map(|variable| variable.1.to_owned())
        })
    }

    #[test]
    fn colours_follow_terminal_flag_and_environment() {
        assert_eq!(style(When::Auto, false, &[("TERM", "xterm-256color")]), Style::Plain);
        assert_eq!(style(When::Auto, true, &[("TERM", "xterm-256color")]), Style::Indexed);
        assert_eq!(style(When::Auto, true, &[("COLORTERM", "truecolor")]), Style::True);
        assert_eq!(style(When::Auto, true, &[]), Style::Basic);
        for variable in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")] {
            assert_eq!(style(When::Auto, true, &[variable]), Style::Plain);
        }
        assert_eq!(style(When::Auto, true, &[("NO_COLOR", "")]), Style::Basic);
        assert_eq!(style(When::Auto, false, &[("CLICOLOR_FORCE", "1")]), Style::Basic);
        assert_eq!(style(When::Always, false, &[]), Style::Indexed);
        assert_eq!(style(When::Never, true, &[]), Style::Plain);
        assert_eq!("ALWAYS".parse(), Ok(When::Always));
        assert!("x".parse::<When>().is_err());
    }
}
