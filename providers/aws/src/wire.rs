//! Checks of an answer as it came over the wire, before it is believed.
//!
//! The SDK's parser takes the end of the text for the end of every open element. So a truncated page would be a page
//! with fewer instances, and an empty document an account without any. And one unreadable time fails a whole page of a
//! thousand instances.

use std::error::Error;

use aws_sdk_ec2::{
    config::http::HttpResponse,
    primitives::{DateTime, DateTimeFormat},
};
use aws_smithy_types::body::SdkBody;
use http_body_util::{LengthLimitError, Limited};

/// The longest answer accepted, in bytes. A page of a thousand instances is about 5 MiB.
const MOST_BYTES: usize = 64 << 20;

/// Limits the body of an answer that has not arrived yet.
pub(crate) fn cap(response: &mut HttpResponse) {
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, MOST_BYTES));
}

/// Whether an answer was refused because it is longer than [`cap`] allows.
pub(crate) fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.any(|cause| cause.downcast_ref::<LengthLimitError>().is_some())
}

/// An answer that is not complete.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    /// The closing tag of the root element is missing.
    #[error("the answer is cut short: it does not end in `</{operation}Response>`")]
    NoEnd { operation: &'static str },
    /// Every answer of EC2 has one.
    #[error("the answer has no `requestId`")]
    NoRequestId,
}

/// Whether a successful answer is complete. `None` for errors and for answers that did not arrive, which are judged by
/// their own failure.
pub(crate) fn whole(response: &HttpResponse, operation: &'static str) -> Option<Result<(), Cut>> {
    let body = response.body().bytes().filter(|_| response.status().is_success())?;
    Some(is_whole(&String::from_utf8_lossy(body), operation))
}

fn is_whole(body: &str, operation: &'static str) -> Result<(), Cut> {
    let end = body.trim_end().strip_suffix("Response>").and_then(|rest| rest.strip_suffix(operation));
    if !end.is_some_and(|rest| rest.ends_with("</")) {
        Err(Cut::NoEnd { operation })
    } else if !body.contains("<requestId>") {
        Err(Cut::NoRequestId)
    } else {
        Ok(())
    }
}

/// The page without the times that the SDK cannot read. Nothing depends on them. `None` when there are none.
pub(crate) fn without_unreadable_times(page: &str) -> Option<String> {
    let mut kept = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = unreadable_time(&rest[start..]).map_or(0, |length| start + length);
        let next = if end == 0 { start + 1 } else { start };
        kept.push_str(&rest[..next]);
        rest = &rest[next.max(end)..];
    }
    kept.push_str(rest);
    (kept.len() < page.len()).then_some(kept)
}

/// The length of the element at the start of `text`, if it is an unreadable time (`launchTime`, `attachTime`).
fn unreadable_time(text: &str) -> Option<usize> {
    let name = &text[1..text.find('>')?];
    if name.strip_suffix('/').is_some_and(|name| name.trim_end().ends_with("Time")) {
        return Some(name.len() + 2);
    }
    if name.starts_with('/') || !name.ends_with("Time") {
        return None;
    }
    let content = &text[name.len() + 2..];
    let length = content.find('<')?;
    let closing = content[length..].strip_prefix("</")?.strip_prefix(name)?.starts_with('>');
    let readable = DateTime::from_str(content[..length].trim(), DateTimeFormat::DateTimeWithOffset).is_ok();
    // Two angle brackets, the name, the content, two angle brackets and a slash, the name.
    (closing && !readable).then_some(2 * name.len() + length + 5)
}

/// The instance that the SDK could not parse, found by hand so that an error can name it.
pub(crate) fn culprit(page: &str) -> Option<&str> {
    page.split("<instanceId>").skip(1).find_map(|described| {
        let (id, described) = described.split_once("</instanceId>")?;
        let (_, state) = described.split_once("<instanceState>")?;
        let (code, _) = state.split_once("<code>")?.1.split_once('<')?;
        code.trim().parse::<i32>().is_err().then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_is_whole() {
        let operation = "DescribeRegions";
        let page = "<DescribeRegionsResponse><requestId>1</requestId><regionInfo/></DescribeRegionsResponse>\n";
        assert_eq!(is_whole(page, operation), Ok(()));
        for end in 0..page.trim_end().len() {
            assert_eq!(is_whole(&page[..end], operation), Err(Cut::NoEnd { operation }), "{}", &page[..end]);
        }
        for other in ["<DescribeRegionsResponse/>", "<html></html>", "</NoDescribeRegionsResponse>"] {
            assert_eq!(is_whole(other, operation), Err(Cut::NoEnd { operation }), "{other}");
        }
        let bare = "<DescribeRegionsResponse></DescribeRegionsResponse>";
        assert_eq!(is_whole(bare, operation), Err(Cut::NoRequestId));
    }

    #[test]
    fn only_unreadable_times_are_cut() {
        let good = "<i><launchTime>2026-01-01T00:00:00.000Z</launchTime><time>é</time><runTimes>x</runTimes></i>";
        assert_eq!(without_unreadable_times(good), None);
        for bad in ["<launchTime>yesterday</launchTime>", "<launchTime></launchTime>", "<attachTime/>", "<aTime />"] {
            let page = format!("{bad}{good}{bad}<b/>{bad}");
            assert_eq!(without_unreadable_times(&page), Some(format!("{good}<b/>")), "{bad}");
        }
        for broken in ["<", "<launchTime>", "<launchTime>x", "<launchTime>x<b/></launchTime>", "<launchTime", "<>"] {
            assert_eq!(without_unreadable_times(broken), None, "{broken}");
        }
    }

    #[test]
    fn the_culprit_is_found() {
        let described = |id: &str, code: &str| {
            format!("<item><instanceId>{id}</instanceId><instanceState> <code>{code}</code></instanceState></item>")
        };
        let good = described("i-1", "16");
        assert_eq!(culprit(&good), None);
        assert_eq!(culprit(&format!("{good}{}", described("i-2", "many"))), Some("i-2"));
        assert_eq!(culprit("<html>"), None);
    }
}
