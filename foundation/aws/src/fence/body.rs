//! The last look before a request leaves: between the guard's yes and the first byte on the wire, a connection is made, and a process
//! can be stopped there for as long as it likes.

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use engine::Fault;
use engine::ledger::Guard;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body that is read only while this run may still change something. One that is not read is not sent: the other end waits for it in
/// vain and does nothing.
struct Last {
    bytes: Option<Bytes>,
    guard: Guard,
}

impl Body for Last {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        let Some(bytes) = this.bytes.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(this.guard.still_may().map(|()| Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// `body` behind `guard`; one without bytes in memory as it is.
pub(super) fn last(body: SdkBody, guard: &Guard) -> SdkBody {
    match body.bytes().filter(|bytes| !bytes.is_empty()).map(Bytes::copy_from_slice) {
        None => body,
        Some(bytes) => SdkBody::from_body_1_x(Last { bytes: Some(bytes), guard: guard.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::LayerName;
    use engine::ledger::{Entry, Folded, Ledger, LedgerError};
    use futures::future::BoxFuture;
    use http_body_util::BodyExt;
    use std::sync::Arc;
    use std::time::Duration;

    /// A ledger that is far away: its answers are good for a moment, and take another.
    struct Far(Duration);

    impl Ledger for Far {
        fn layer(&self) -> LayerName {
            LayerName::Network
        }
        fn folded(&self) -> Folded {
            Folded::default()
        }
        fn append(&self, _: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
            Box::pin(std::future::ready(Ok(())))
        }
        fn check(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        }
        fn trust(&self) -> Duration {
            self.0
        }
    }

    async fn sent(trust: Duration) -> Result<Bytes, String> {
        let guard = Guard::new(vec![Arc::new(Far(trust))]);
        guard.may_change().await.unwrap();
        let body = last(SdkBody::from("Action=CreateVpc"), &guard);
        assert_eq!(body.content_length(), Some(16));
        body.collect().await.map(|all| all.to_bytes()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_request_leaves_only_while_its_answer_is_good() {
        assert_eq!(sent(Duration::from_secs(60)).await.unwrap(), "Action=CreateVpc");
        assert!(sent(Duration::ZERO).await.unwrap_err().contains("too long ago"));
    }
}
