//! Slack's incoming webhooks, and whatever takes the same: Mattermost, Rocket.Chat.

use super::letter::Letter;
use super::send::Request;
use super::template::Template;
use serde_json::{Value, json};

/// The longest text of a section that Slack takes is 3000 characters.
const MAX_TEXT: usize = 2900;

/// The request that brings the letter. `text` is what a phone shows before it is opened.
pub(super) fn request(letter: &Letter, template: Option<&Template>) -> Request {
    let text = template.map_or_else(|| escaped(&letter.text), |template| template.word(letter, escaped));
    let text: String = text.chars().take(MAX_TEXT).collect();
    let member = |name: &str| letter.body.get(name);
    let phase = member("phase").and_then(Value::as_str).map(|phase| phase.replace('_', " "));
    let percent = member("percent").and_then(Value::as_f64).map(|percent| format!("{percent} %"));
    let at = letter.at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let link = letter.link.as_ref().map(|link| format!("<{link}|open the page>"));
    let circumstances: Vec<String> = [phase, percent, Some(at), link].into_iter().flatten().collect();
    let body = json!({
        "text": text,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": text } },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": circumstances.join(" · ") }] },
        ],
    });
    Request { headers: Vec::new(), body: body.to_string() }
}

/// These three characters are Slack's own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn nothing_in_a_text_can_call_the_whole_channel() {
        let mut letter = Letter::test("somebody", clock::wall(), None);
        letter.text = "p95 < 500 & <!channel>".to_owned();
        let body: Value = serde_json::from_str(&request(&letter, None).body).expect("JSON");
        assert_eq!(body["text"], "p95 &lt; 500 &amp; &lt;!channel&gt;");
        assert_eq!(body["blocks"][0]["text"]["text"], body["text"]);
        let template = Template::parse("<!here> {text}").expect("a template");
        let body: Value = serde_json::from_str(&request(&letter, Some(&template)).body).expect("JSON");
        assert_eq!(body["text"], "<!here> p95 &lt; 500 &amp; &lt;!channel&gt;", "only whoever wrote the settings can");
    }
}
