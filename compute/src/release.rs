//! A release: another image, or an earlier revision, on what runs, and nothing else. No other layer is read, and of this one only
//! the revision and the service are touched. What it does is journalled as a deploy's steps are, so that a `deploy` finishes a
//! release that was cut off.

use crate::kinds::{DECLARED_IMAGE, EcsService, EcsServices, Revision, TaskDefinition, TaskDefinitions};
use aws::Aws;
use aws::named::Calls;
use aws_sdk_ecs::types as ecs;
use contract::TaskDefinitionArn;
use engine::ledger::{Entry, Ledger, Row, RowState};
use engine::plan::Verb;
use engine::resource::Scope;
use engine::{Address, Class, Fault, IdentityBy, LayerName, Resource, Sink};
use serde_json::Value;

/// What the service is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What runs now with this image.
    Image(String),
    /// This revision of the family again; the one before the present one when none is named.
    Revision(Option<u32>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The revision that the service was given.
    pub revision: TaskDefinitionArn,
    /// Its image.
    pub image: String,
    /// The image that ran before.
    pub before: String,
    /// Whether it ran already, so that nothing was done.
    pub unchanged: bool,
}

/// A release under way.
pub struct Release<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// Stack, environment, tags.
    pub scope: &'a Scope,
    /// The layer's ledger, open and locked.
    pub ledger: &'a dyn Ledger,
    /// Where facts and ticks go.
    pub sink: &'a Sink,
    /// Whether it ends when AWS has taken the order, and not when all tasks run.
    pub detach: bool,
}

/// What the layer calls the two objects that a release touches.
fn address(name: &str) -> Address {
    Address::new(LayerName::Compute, name)
}

fn image_of(it: &ecs::TaskDefinition) -> String {
    it.container_definitions().first().and_then(|container| container.image()).unwrap_or_default().to_owned()
}

fn arn_of(it: &ecs::TaskDefinition) -> TaskDefinitionArn {
    TaskDefinitionArn(it.task_definition_arn().unwrap_or_default().to_owned())
}

fn bug(error: impl std::fmt::Display) -> Fault {
    Fault::new(Class::Bug, error.to_string())
}

/// The same definition with another image in its first container.
fn with_image(mut it: ecs::TaskDefinition, image: &str) -> ecs::TaskDefinition {
    if let Some(container) = it.container_definitions.as_mut().and_then(|all| all.first_mut()) {
        container.image = Some(image.to_owned());
    }
    it
}

impl Release<'_> {
    /// Does it: reads the live revision, registers its successor, gives it to the service, follows the rollout task by task.
    ///
    /// # Errors
    /// [`Class::Stale`] when the layer was not deployed; [`Class::Invalid`] with the reason when the new tasks do not stay up: the
    /// service is then back at the revision that ran before.
    pub async fn run(&self, what: &What) -> Result<Released, Fault> {
        let service = self.row("service")?;
        let want: EcsService = serde_json::from_value(service.spec.clone()).map_err(bug)?;
        let services = EcsServices(self.aws.clone());
        let gone = || Fault::new(Class::NotFound, format!("the service {} is gone", want.name)).hint("run `deploy` to make it again");
        let live = services.live(&want).await?.ok_or_else(gone)?;
        let definitions = TaskDefinitions(self.aws.clone());
        let (running, tags) = self.revision(&definitions, live.task_definition.as_str()).await?;
        let before = image_of(&running);
        let next = match what {
            What::Image(image) if *image == before => {
                return Ok(Released { revision: arn_of(&running), image: before.clone(), before, unchanged: true });
            }
            What::Image(image) => with_image(running, image),
            What::Revision(wanted) => self.earlier(&definitions, &running, *wanted).await?,
        };
        let declared = tags.get(DECLARED_IMAGE).cloned().unwrap_or_else(|| before.clone());
        let image = image_of(&next);
        let revision = self.register(&definitions, next, declared).await?;
        let given = self.give(&services, &service, &live, &revision).await;
        match given {
            Ok(()) => {
                self.retire(&definitions).await?;
                self.renew_outputs(&revision).await?;
                Ok(Released { revision, image, before, unchanged: false })
            }
            Err(fault) if fault.class == Class::Invalid => {
                self.give_back(&services, &service, &live, &definitions).await?;
                Err(fault)
            }
            Err(fault) => Err(fault),
        }
    }

    fn row(&self, name: &str) -> Result<Row, Fault> {
        let (at, folded) = (address(name), self.ledger.folded());
        folded.made(&at).cloned().ok_or_else(|| {
            let problem = format!("{} was never deployed to `{}`", address(name), self.scope.env);
            Fault::new(Class::Stale, problem).hint(format!("run `deploy --env {}` first: a release changes what is there", self.scope.env))
        })
    }

    async fn revision(&self, definitions: &TaskDefinitions, name: &str) -> Result<Revision, Fault> {
        let found = definitions.describe_any(name).await?;
        found.ok_or_else(|| Fault::new(Class::NotFound, format!("there is no revision {name}")).hint("`history` shows what was released"))
    }

    /// An earlier revision of the family: the one that is named, or the newest before the present one that AWS still describes.
    async fn earlier(
        &self,
        definitions: &TaskDefinitions,
        running: &ecs::TaskDefinition,
        wanted: Option<u32>,
    ) -> Result<ecs::TaskDefinition, Fault> {
        let family = running.family().unwrap_or_default();
        let present = u32::try_from(running.revision()).unwrap_or_default();
        if let Some(number) = wanted {
            return Ok(self.revision(definitions, &format!("{family}:{number}")).await?.0);
        }
        for number in (1..present).rev() {
            if let Some((it, _)) = definitions.describe_any(&format!("{family}:{number}")).await?
                && image_of(&it) != image_of(running)
            {
                return Ok(it);
            }
        }
        Err(Fault::new(Class::NotFound, format!("no revision before {family}:{present} has another image"))
            .hint("name one with --to, or release an image"))
    }

    /// Registers the successor of the present generation under its own identity: a lost answer is looked up, never repeated.
    async fn register(
        &self,
        definitions: &TaskDefinitions,
        next: ecs::TaskDefinition,
        declared: String,
    ) -> Result<TaskDefinitionArn, Fault> {
        let at = address("task-definition");
        let present = self.row("task-definition")?;
        let folded = self.ledger.folded();
        let newest = folded.highest.get(&at).copied().unwrap_or_default().max(present.who.generation);
        let who = self.scope.identity(&at, newest + 1, IdentityBy::Tag);
        // The row keeps what the settings say: the image belongs to the release.
        let mut spec: TaskDefinition = crate::kinds::live_definition(&next);
        spec.container.image.clone_from(&declared);
        let spec = serde_json::to_value(spec).map_err(bug)?;
        // As any create has: until the settle window has passed, what is not seen may still come.
        let intended = engine::settle::now();
        let row = |state, output: Option<Value>| Row {
            who: who.clone(),
            kind: TaskDefinition::KIND.to_owned(),
            state,
            spec: spec.clone(),
            output,
            reads: present.reads.clone(),
            at: Some(intended),
        };
        self.sink
            .step(&at, TaskDefinition::KIND, Verb::Create, async {
                self.append(Entry::Intent { row: row(RowState::Intended, None) }).await?;
                let made = definitions.register_copy(&who, &next, &declared).await?;
                let output = serde_json::to_value(&made).map_err(bug)?;
                self.append(Entry::Done { row: row(RowState::Done, Some(output)) }).await?;
                Ok(made)
            })
            .await
    }

    /// Gives a revision to the service and waits until its tasks run.
    async fn give(&self, services: &EcsServices, service: &Row, live: &EcsService, revision: &TaskDefinitionArn) -> Result<(), Fault> {
        let want = EcsService { task_definition: revision.clone(), rollout: crate::kinds::Rollout::Completed, ..live.clone() };
        let remembered: EcsService = serde_json::from_value(service.spec.clone()).map_err(bug)?;
        let spec = serde_json::to_value(EcsService { task_definition: revision.clone(), ..remembered }).map_err(bug)?;
        let row = |state| Row { state, spec: spec.clone(), ..service.clone() };
        let at = address("service");
        self.sink
            .step(&at, EcsService::KIND, Verb::Update, async {
                self.append(Entry::Intent { row: row(RowState::Intended) }).await?;
                services.give(&want, live).await?;
                if !self.detach {
                    services.settle(&want, &want.name, &self.sink.ticks(&at)).await?;
                }
                self.append(Entry::Done { row: row(RowState::Done) }).await
            })
            .await
    }

    /// After a rollout that failed: the revision that ran before runs again, and the failed one is gone.
    async fn give_back(
        &self,
        services: &EcsServices,
        service: &Row,
        live: &EcsService,
        definitions: &TaskDefinitions,
    ) -> Result<(), Fault> {
        let failed = self.row("task-definition")?;
        if let Some(now) = services.live(live).await? {
            self.give(services, service, &now, &live.task_definition).await?;
        }
        self.deregister(definitions, &failed).await?;
        self.renew_outputs(&live.task_definition).await
    }

    /// Deregisters the generations that the newest one replaced. Their tasks are gone; AWS still describes them for a rollback.
    async fn retire(&self, definitions: &TaskDefinitions) -> Result<(), Fault> {
        if self.detach {
            // They still run: the next deploy takes them away.
            return Ok(());
        }
        let folded = self.ledger.folded();
        let old: Vec<Row> = folded.superseded().filter(|row| row.who.address == address("task-definition")).cloned().collect();
        for row in old {
            self.deregister(definitions, &row).await?;
        }
        Ok(())
    }

    async fn deregister(&self, definitions: &TaskDefinitions, row: &Row) -> Result<(), Fault> {
        let (at, generation) = (row.who.address.clone(), row.who.generation);
        let spec: TaskDefinition = serde_json::from_value(row.spec.clone()).map_err(bug)?;
        let last = row.output.clone().and_then(|output| serde_json::from_value(output).ok());
        self.append(Entry::Deleting { address: at.clone(), generation }).await?;
        engine::Driver::delete(definitions, &row.who, &spec, last.as_ref(), &self.sink.ticks(&at)).await?;
        self.append(Entry::Gone { address: at, generation }).await
    }

    /// The layer's outputs name the revision.
    async fn renew_outputs(&self, revision: &TaskDefinitionArn) -> Result<(), Fault> {
        let Some(mut doors) = self.ledger.folded().doors else { return Ok(()) };
        if let Some(door) = doors.get_mut("task_definition") {
            door.value = serde_json::to_value(revision).map_err(bug)?;
        }
        self.append(Entry::Outputs { doors }).await
    }

    async fn append(&self, entry: Entry) -> Result<(), Fault> {
        self.ledger.append(entry).await.map_err(|error| error.fault())
    }
}
