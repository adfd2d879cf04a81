//! An answer as it came over the wire, before it is believed.
//!
//! The SDK's parser takes the end of the text for the end of every element that is still open, so a
//! page cut short would be a page with fewer instances, and an empty document an account without any.

use aws_sdk_ec2::config::http::HttpResponse;

/// An answer that is not the whole of what the API promises.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    /// The closing tag of all of it is not there.
    #[error("the answer is cut short: it does not end in `</{operation}Response>`")]
    NoEnd { operation: &'static str },
    /// Every answer of EC2's has one.
    #[error("the answer has no `requestId`")]
    NoRequestId,
}

/// Whether a successful answer is all there; `None` for errors and for what did not arrive at all,
/// which are judged by what went wrong.
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
}
