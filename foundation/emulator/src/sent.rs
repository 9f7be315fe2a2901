//! The body of an answer on its way: it may end before its time.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of an answer; one that is shorter than its `content-length` ends with an error, as a connection that is cut does.
#[derive(Debug)]
pub struct Sent {
    data: Option<Bytes>,
    cut: bool,
}

/// The answer in the form in which it is sent.
pub fn sent(answer: http::Response<Bytes>) -> http::Response<Sent> {
    let length = answer.headers().get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let cut = length.is_some_and(|length: usize| length > answer.body().len());
    answer.map(|data| Sent { data: Some(data).filter(|data| !data.is_empty()), cut })
}

impl Body for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(match self.data.take() {
            Some(data) => Some(Ok(Frame::data(data))),
            None if self.cut => Some(Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.data.as_ref().map_or(0, Bytes::len) as u64;
        if self.cut { SizeHint::default() } else { SizeHint::with_exact(left) }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && !self.cut
    }
}
