//! Markdown as the HTML that Telegram takes. What is written is balanced whatever comes in, and every other letter is
//! escaped, so that no answer can break out of its message.

/// What opens and closes a block of code.
const FENCE: &str = "```";
/// How deep emphasis may stand in emphasis.
const DEPTH_MAX: usize = 4;

/// `text` as HTML.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        match line.trim_start().strip_prefix(FENCE) {
            Some(language) => {
                let mut code: Vec<&str> = Vec::new();
                for line in lines.by_ref() {
                    if line.trim_start().starts_with(FENCE) {
                        break;
                    }
                    code.push(line);
                }
                block(&mut out, language.trim(), &code.join("\n"));
            }
            None => self::line(&mut out, line),
        }
        if lines.peek().is_some() {
            out.push('\n');
        }
    }
    out
}

fn block(out: &mut String, language: &str, code: &str) {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'#' | b'_');
    if language.is_empty() || !language.bytes().all(is_name) {
        out.push_str("<pre>");
        escape(out, code);
        out.push_str("</pre>");
    } else {
        out.push_str("<pre><code class=\"language-");
        escape(out, language);
        out.push_str("\">");
        escape(out, code);
        out.push_str("</code></pre>");
    }
}

fn line(out: &mut String, line: &str) {
    let bare = line.trim_start();
    let heading = bare.trim_start_matches('#');
    if let (1..=6, Some(title)) = (bare.len() - heading.len(), heading.strip_prefix(' ')) {
        out.push_str("<b>");
        inline(out, title.trim(), DEPTH_MAX);
        out.push_str("</b>");
        return;
    }
    if let Some(item) = bare.strip_prefix("- ").or_else(|| bare.strip_prefix("* ")) {
        out.push_str(&line[..line.len() - bare.len()]);
        out.push_str("• ");
        return inline(out, item, 0);
    }
    inline(out, line, 0);
}

/// Marks and the tags for them, longer ones first.
const MARKS: [(&str, &str); 6] =
    [("**", "b"), ("__", "b"), ("~~", "s"), ("||", "tg-spoiler"), ("*", "i"), ("_", "i")];

fn inline(out: &mut String, text: &str, depth: usize) {
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match letter {
            '`' => code(out, rest),
            '[' => link(out, rest, depth),
            '*' | '_' | '~' | '|' if depth < DEPTH_MAX => emphasis(out, &text[..at], rest, depth),
            _ => None,
        }
        .unwrap_or_else(|| {
            escape(out, &rest[..letter.len_utf8()]);
            letter.len_utf8()
        });
    }
}

/// `` `code` `` at the beginning of `rest`; how long it was.
fn code(out: &mut String, rest: &str) -> Option<usize> {
    let end = rest[1..].find('`').filter(|end| *end > 0)? + 1;
    out.push_str("<code>");
    escape(out, &rest[1..end]);
    out.push_str("</code>");
    Some(end + 1)
}

/// `[text](address)` at the beginning of `rest`, for addresses of the web alone; how long it was.
fn link(out: &mut String, rest: &str, depth: usize) -> Option<usize> {
    let close = rest.find("](")?;
    let end = rest[close..].find(')')? + close;
    let (text, address) = (&rest[1..close], &rest[close + 2..end]);
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    if !is_web || text.is_empty() || text.contains('[') || address.contains(char::is_whitespace) {
        return None;
    }
    out.push_str("<a href=\"");
    escape(out, address);
    out.push_str("\">");
    // A link inside a link is none.
    if depth < DEPTH_MAX {
        inline(out, text, DEPTH_MAX)
    } else {
        escape(out, text)
    }
    out.push_str("</a>");
    Some(end + 1)
}

/// Emphasis at the beginning of `rest`, which follows `before`; how long it was.
fn emphasis(out: &mut String, before: &str, rest: &str, depth: usize) -> Option<usize> {
    let (mark, tag) = MARKS.iter().find(|(mark, _)| rest.starts_with(mark))?;
    let inside = &rest[mark.len()..];
    // A name like a_b_c, or 2 * 3, has no emphasis in it.
    let is_letter = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    if inside.starts_with(char::is_whitespace) || (mark.starts_with('_') && is_letter(before.chars().last()))
    {
        return None;
    }
    let mut from = 1;
    loop {
        let end = inside.get(from..)?.find(mark)? + from;
        let behind = &inside[end + mark.len()..];
        let goes_on = inside[..end].ends_with(char::is_whitespace)
            || (mark.starts_with('_') && is_letter(behind.chars().next()))
            || (mark.len() == 1 && behind.starts_with(mark));
        if !goes_on {
            out.push_str(&format!("<{tag}>"));
            inline(out, &inside[..end], depth + 1);
            out.push_str(&format!("</{tag}>"));
            return Some(mark.len() * 2 + end);
        }
        from = end + mark.len() + usize::from(mark.len() == 1 && behind.starts_with(mark));
        while from < inside.len() && !inside.is_char_boundary(from) {
            from += 1;
        }
    }
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Telegram takes no control characters.
            letter if letter.is_control() && !matches!(letter, '\n' | '\t') => {}
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_is_shown_as_they_mean_it() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a < b & c", "a &lt; b &amp; c"),
            ("**bold** and *it* and ~~no~~", "<b>bold</b> and <i>it</i> and <s>no</s>"),
            ("**bold *both* end**", "<b>bold <i>both</i> end</b>"),
            ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
            ("_yes_ __very__", "<i>yes</i> <b>very</b>"),
            ("`a<b` **`c`**", "<code>a&lt;b</code> <b><code>c</code></b>"),
            ("# Title\n- one\n  * two", "<b>Title</b>\n• one\n  • two"),
            (
                "```rust\nlet a = &b;\n```\nend",
                "<pre><code class=\"language-rust\">let a = &amp;b;</code></pre>\nend",
            ),
            ("```\nopen", "<pre>open</pre>"),
            ("[docs](https://a.b/?x=1&y=\"2\")", "<a href=\"https://a.b/?x=1&amp;y=&quot;2&quot;\">docs</a>"),
            ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
            ("<b>no</b> **open", "&lt;b&gt;no&lt;/b&gt; **open"),
            ("#no ** ` ||", "#no ** ` ||"),
            ("\u{0}a\u{7}", "a"),
        ] {
            assert_eq!(html(text), shown, "{text:?}");
        }
    }

    /// The tags of `html` in order; `None` where they do not match.
    fn is_balanced(html: &str) -> bool {
        let mut open = Vec::new();
        for tag in html.split('<').skip(1) {
            let Some((tag, _)) = tag.split_once('>') else { return false };
            let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else {
                open.push(name);
            }
        }
        open.is_empty()
    }

    proptest! {
        #[test]
        fn it_is_balanced_whatever_comes(text in "[a *_~|`#<>&\\[\\]()\"é😀\n-]{0,80}") {
            let shown = html(&text);
            prop_assert!(is_balanced(&shown), "{text:?} {shown:?}");
        }
    }
}
