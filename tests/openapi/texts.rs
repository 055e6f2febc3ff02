//! The texts that the sources hold: whoever adds one to the program adds it to the document too.

/// A text as the sources write it, in the pieces between what is filled in.
pub struct Text {
    /// As it stands in the file.
    pub source: String,
    pieces: Vec<String>,
}

impl Text {
    fn new(source: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((piece, more)) = rest.split_once('{') {
            pieces.push(piece.to_owned());
            rest = more.split_once('}').map_or("", |(_, after)| after);
        }
        pieces.push(rest.to_owned());
        Self { source: source.to_owned(), pieces }
    }

    /// Whether it can become `text`, in which `<x>` stands for anything too.
    pub fn can_be(&self, text: &str) -> bool {
        let (first, last) = (&self.pieces[0], &self.pieces[self.pieces.len() - 1]);
        if self.pieces.len() == 1 {
            return text == first;
        }
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        for piece in &self.pieces[1..self.pieces.len() - 1] {
            let Some((_, after)) = rest.split_once(piece.as_str()) else { return false };
            rest = after;
        }
        true
    }
}

/// The texts in the code of a file, comments aside. Attributes are for readers of the code.
pub fn of(source: &str) -> Vec<Text> {
    let code =
        source.lines().filter(|line| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("#["));
    let code: String = code.collect::<Vec<_>>().join("\n");
    // There are no escaped quotes and no character literals of one in these files; a quote that is left over says so.
    let parts: Vec<&str> = code.split('"').collect();
    assert!(parts.len() % 2 == 1, "a text does not end");
    parts.into_iter().skip(1).step_by(2).map(Text::new).collect()
}

#[test]
fn what_is_filled_in_can_be_anything() {
    let texts = of("a(\"one '{x}' two\");\n    // \"not\nb(\"{what} ends\", \"whole\")");
    assert_eq!(
        texts.iter().map(|text| text.source.as_str()).collect::<Vec<_>>(),
        ["one '{x}' two", "{what} ends", "whole"]
    );
    for (index, text, can_be) in [
        (0, "one '<x>' two", true),
        (0, "one '<x>' three", false),
        (1, "key ends", true),
        (2, "whole", true),
        (2, "whole thing", false),
    ] {
        assert_eq!(texts[index].can_be(text), can_be, "{text}");
    }
}
