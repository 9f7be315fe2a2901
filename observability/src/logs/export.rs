//! Exports of log groups into a bucket. AWS makes one at a time in an account's region.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3ExportTasks.html>

use aws::{Aws, FaultExt};
use aws_sdk_cloudwatchlogs::types::{ExportTask, ExportTaskStatusCode};
use engine::{Address, Class, Fault, LayerName, Poll, Sink, Ticks};
use std::time::Duration;

/// How long others' exports and our own may take: AWS ends one after a day.
const WITHIN: Duration = Duration::from_secs(24 * 3600);

/// What is to be exported, and where.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// The log group.
    pub group: &'a str,
    /// From when, in milliseconds since 1970.
    pub from: i64,
    /// Until when.
    pub to: i64,
    /// The bucket, in the same region.
    pub bucket: &'a str,
    /// The beginning of its files' names; nothing for AWS's own.
    pub prefix: &'a str,
    /// A name of its own: what an order whose answer was lost is found by.
    pub name: &'a str,
}

fn ticks() -> Ticks {
    Sink::none().ticks(&Address::new(LayerName::Observability, "export"))
}

fn code(task: &ExportTask) -> Option<&ExportTaskStatusCode> {
    task.status()?.code()
}

fn runs(task: &ExportTask) -> bool {
    matches!(code(task), Some(ExportTaskStatusCode::Pending | ExportTaskStatusCode::Running | ExportTaskStatusCode::PendingCancel))
}

impl Export<'_> {
    /// Orders it, as soon as AWS makes no other one; the task's id.
    ///
    /// # Errors
    /// [`Class::Invalid`] with what the bucket's policy must allow; the fault of `logs:CreateExportTask`.
    pub async fn begin(&self) -> Result<String, Fault> {
        let order = || async {
            let call = self.aws.logs.create_export_task().log_group_name(self.group).destination(self.bucket).task_name(self.name);
            let call = call.set_destination_prefix(Some(self.prefix.to_owned()).filter(|it| !it.is_empty()));
            match call.from(self.from).to(self.to).send().await.or_fault("logs:CreateExportTask") {
                Ok(answer) => Ok(Poll::Ready(answer.task_id.unwrap_or_default())),
                // Another one runs; or this one, if the answer to the order was lost.
                Err(fault) if fault.code == "LimitExceededException" => Ok(match self.ours().await? {
                    Some(id) => Poll::Ready(id),
                    None => Poll::Refused("the end of another export".to_owned(), fault),
                }),
                Err(fault) => Err(self.refused(fault)),
            }
        };
        self.aws.until(WITHIN).poll(&ticks(), order).await
    }

    /// The id of this order, if it is the one that AWS works on.
    async fn ours(&self) -> Result<Option<String>, Fault> {
        for code in [ExportTaskStatusCode::Pending, ExportTaskStatusCode::Running] {
            let answer = self.aws.logs.describe_export_tasks().status_code(code).send().await.or_fault("logs:DescribeExportTasks")?;
            let mut tasks = answer.export_tasks.unwrap_or_default().into_iter();
            if let Some(task) = tasks.find(|task| task.task_name() == Some(self.name) && task.log_group_name() == Some(self.group)) {
                return Ok(task.task_id);
            }
        }
        Ok(None)
    }

    fn refused(&self, fault: Fault) -> Fault {
        let (bucket, region) = (self.bucket, &self.aws.region);
        if fault.message.contains("does not exist or is in a different region") {
            return fault.hint(format!("name a bucket in {region}"));
        }
        if !fault.message.contains("GetBucketAcl") && !fault.message.contains("PutObject") {
            return fault;
        }
        fault.hint(format!(
            "the policy of the bucket `{bucket}` must allow `logs.{region}.amazonaws.com` `s3:GetBucketAcl` on `arn:aws:s3:::{bucket}` and \
             `s3:PutObject` on `arn:aws:s3:::{bucket}/*`"
        ))
    }

    /// Waits for its end; where its files are.
    ///
    /// # Errors
    /// [`Class::Unavailable`] with AWS's words when it did not complete.
    pub async fn ended(&self, id: &str) -> Result<String, Fault> {
        let look = || async {
            let answer = self.aws.logs.describe_export_tasks().task_id(id).send().await.or_fault("logs:DescribeExportTasks")?;
            let Some(task) = answer.export_tasks.unwrap_or_default().into_iter().next().filter(|task| !runs(task)) else {
                return Ok(Poll::Waiting(format!("the export {id}")));
            };
            if code(&task) == Some(&ExportTaskStatusCode::Completed) {
                let prefix = task.destination_prefix().filter(|it| !it.is_empty()).unwrap_or("exportedlogs");
                return Ok(Poll::Ready(format!("s3://{}/{prefix}/{id}", self.bucket)));
            }
            let said = task.status().and_then(|it| it.message()).unwrap_or("AWS gave no reason");
            let ended = code(&task).map_or("unknown", ExportTaskStatusCode::as_str);
            Err(Fault::new(Class::Unavailable, format!("the export of {} ended as {ended}: {said}", self.group)))
        };
        self.aws.until(WITHIN).poll(&ticks(), look).await
    }

    /// Cancels it.
    ///
    /// # Errors
    /// The fault of `logs:CancelExportTask`; one that has ended is cancelled.
    pub async fn cancel(&self, id: &str) -> Result<(), Fault> {
        match self.aws.logs.cancel_export_task().task_id(id).send().await.or_fault("logs:CancelExportTask") {
            Err(fault) if fault.code == "InvalidOperationException" => Ok(()),
            other => other.map(drop),
        }
    }
}
