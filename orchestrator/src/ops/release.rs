//! release and rollback: the compute layer's own road.

use crate::connect::connect;
use cli::Problem;
use cli::app::{Release, Released, Releasing};
use compute::release::What;

/// Gives the service another image or an earlier revision.
pub(crate) async fn release(asked: Releasing<'_>) -> Result<Released, Problem> {
    let aws = connect(asked.settings, asked.endpoint_url, asked.guard).await?;
    let scope = asked.settings.scope();
    let release = compute::release::Release { aws: &aws, scope: &scope, ledger: asked.ledger, sink: asked.sink, detach: asked.detach };
    let what = match asked.what {
        Release::Image(image) => What::Image(image.clone()),
        Release::Revision(number) => What::Revision(*number),
    };
    let compute::release::Released { revision, image, before, unchanged } = release.run(&what).await?;
    let revision = revision.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Released { revision, image, before, unchanged })
}
