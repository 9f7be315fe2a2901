//! Another value for a secret, everywhere it is: SSM, then the database if it is its password, then the tasks that read it.
//!
//! SSM is first because a value that is nowhere else is lost with the process. How far it has come is in the secrets layer's ledger before
//! each call (the version that is wanted, never the value), so that the same command or a `deploy` goes on from any point. Why in this
//! order, and with one database user: `docs/decisions/003-rotation.md`.

mod state;

pub use state::{How, Next, Phase, State};

use aws::Aws;
use cli::app::SecretChanged;
use compute::restart::{Restart, Running};
use contract::Secret;
use database::kinds::DbInstance;
use database::password::Password;
use engine::ledger::{Entry, Ledger};
use engine::plan::Verb;
use engine::{Address, Class, Fault, LayerName, Sink};
use secrecy::SecretString;
use secrets::kinds::SsmSecret;
use secrets::{Known, Values, generate};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A change of one secret.
pub struct Rotation<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// Which secret.
    pub secret: &'a Known,
    /// The ledgers of the layers that it touches, open and locked.
    pub ledgers: &'a BTreeMap<LayerName, Arc<dyn Ledger>>,
    /// Where facts and ticks go.
    pub sink: &'a Sink,
    /// The run's id.
    pub run: &'a str,
}

/// How often it begins again because somebody else wrote a version meanwhile.
const TURNS: usize = 3;

fn bug(error: impl std::fmt::Display) -> Fault {
    Fault::new(Class::Bug, error.to_string())
}

/// What is remembered of the secret: its settings and its ARN.
struct Remembered {
    spec: SsmSecret,
    output: Secret,
}

impl Rotation<'_> {
    /// Gives the secret its next value, and everything that has the present one; or finishes what an earlier run began.
    ///
    /// # Errors
    /// [`Class::Stale`] when it was not deployed; the fault of a call; [`Class::Invalid`] when the new tasks do not stay up. The ledger
    /// then says how far it came.
    pub async fn change(&self, next: Next) -> Result<SecretChanged, Fault> {
        let remembered = self.remembered()?;
        let open = self.open()?;
        let resumed = open.is_some() && !matches!(next, Next::Given(_));
        // A database that is busy would let new tasks wait for it with a password that it does not have yet.
        self.wait_for_database().await?;
        let Some((mut state, mut value)) = self.write(&remembered, open, next).await? else {
            return Ok(SecretChanged { name: self.secret.what.clone(), ..SecretChanged::default() });
        };
        for _ in 0..TURNS {
            let database = self.apply(&remembered, &mut state, value.take()).await?;
            let restarted = self.restart(&remembered, &mut state).await?;
            if Values(self.aws).version(&self.secret.parameter).await? <= state.version {
                self.end(&state, true).await?;
                let (name, version, before) = (self.secret.what.clone(), state.version, state.from);
                return Ok(SecretChanged { name, version, before, database, restarted, resumed });
            }
            self.note(&State { phase: Phase::Written, ..state.clone() }).await?;
            state.phase = Phase::Written;
        }
        let problem = format!("others write {} again and again", self.secret.parameter);
        Err(Fault::new(Class::Stale, problem).hint("find out who does (`secrets history`), then run the same command again"))
    }

    /// The part of what an earlier run began without which new tasks would not find into the database. Nothing new is written.
    ///
    /// # Errors
    /// The fault of a call.
    pub async fn apply_begun(&self) -> Result<(), Fault> {
        let Some(mut state) = self.open()? else { return Ok(()) };
        let remembered = self.remembered()?;
        if state.phase == Phase::Wanted {
            state.version = Values(self.aws).version(&self.secret.parameter).await?;
            if state.version <= state.from {
                return Ok(());
            }
            state.phase = Phase::Written;
        }
        self.wait_for_database().await?;
        self.apply(&remembered, &mut state, None).await?;
        if state.failed {
            // The plan would wait for a rollout that has failed.
            self.order(&remembered, &mut state).await?;
        }
        Ok(())
    }

    /// What the ledger says of a change whose end is not known.
    ///
    /// # Errors
    /// [`Class::Bug`] for one of another version.
    pub fn open(&self) -> Result<Option<State>, Fault> {
        let state = self.ledger()?.folded().underway.remove(&self.secret.what);
        state.map(|state| serde_json::from_value(state).map_err(bug)).transpose()
    }

    /// The version after the present one is in SSM; the state with the value, where this run has made it. None when there is nothing
    /// to go on with.
    async fn write(
        &self,
        remembered: &Remembered,
        open: Option<State>,
        next: Next,
    ) -> Result<Option<(State, Option<SecretString>)>, Fault> {
        let present = Values(self.aws).version(&self.secret.parameter).await?;
        let mut state = match (open, &next) {
            (Some(state), Next::Generated | Next::Begun) if state.phase != Phase::Wanted => return Ok(Some((state, None))),
            (Some(state), Next::Generated | Next::Begun) if present > state.from => {
                let state = State { version: present, phase: Phase::Written, ..state };
                self.note(&state).await?;
                return Ok(Some((state, None)));
            }
            // Nobody knows any more what it should have been.
            (Some(state), Next::Begun) if state.how == How::Set => {
                self.end(&state, false).await?;
                return Ok(None);
            }
            (Some(state), Next::Generated | Next::Begun) => state,
            (None, Next::Begun) => return Ok(None),
            (_, Next::Generated) => self.begin(How::Rotate, present).await?,
            (_, Next::Given(_)) => self.begin(How::Set, present).await?,
        };
        let value = match next {
            Next::Given(value) => value,
            Next::Generated | Next::Begun => generate(self.secret.generate.length, self.secret.generate.alphabet)?,
        };
        let at = self.secret.address();
        let write = async { Values(self.aws).write(&at, &remembered.spec, state.from, &value).await };
        state.version = self.sink.step(&at, "ssm_secret", Verb::Update, write).await?;
        state.phase = Phase::Written;
        self.note(&state).await?;
        Ok(Some((state, Some(value))))
    }

    async fn begin(&self, how: How, from: i64) -> Result<State, Fault> {
        let at = jiff::Timestamp::from_second(engine::settle::now() as i64).map(|at| at.to_string()).map_err(bug)?;
        let state = State {
            run: self.run.to_owned(),
            at,
            how,
            from,
            version: from + 1,
            phase: Phase::Wanted,
            before: BTreeSet::new(),
            failed: false,
        };
        self.note(&state).await?;
        Ok(state)
    }

    /// The database has the written version; whether there is one.
    async fn apply(&self, remembered: &Remembered, state: &mut State, mut value: Option<SecretString>) -> Result<bool, Fault> {
        let Some(instance) = self.instance()? else {
            self.applied(remembered, state).await?;
            return Ok(false);
        };
        let at = Address::new(LayerName::Database, "instance");
        let (ticks, password) = (self.sink.ticks(&at), Password { aws: self.aws, instance: &instance });
        let mut there = true;
        while state.phase != Phase::Applied {
            let (given, version) = match value.take() {
                Some(value) => (value, state.version),
                None => Values(self.aws).read(&self.secret.parameter, state.version, &ticks).await?,
            };
            state.version = version;
            // One that is gone is made with what SSM has.
            there = password.ready(&ticks).await?;
            if there {
                self.sink.step(&at, "db_instance", Verb::Update, password.set(&given, &ticks)).await?;
            }
            if Values(self.aws).version(&self.secret.parameter).await? <= version {
                self.applied(remembered, state).await?;
            }
        }
        Ok(there)
    }

    /// From now on tasks that start are right: those of the present deployment may have started before.
    async fn applied(&self, remembered: &Remembered, state: &mut State) -> Result<(), Fault> {
        if state.phase == Phase::Applied {
            return Ok(());
        }
        state.before.extend(self.running(remembered).await?.map(|(_, running)| running.deployment));
        state.phase = Phase::Applied;
        self.note(state).await
    }

    /// The tasks that read the secret are started anew; whether there are any.
    async fn restart(&self, remembered: &Remembered, state: &mut State) -> Result<bool, Fault> {
        if !self.running(remembered).await?.is_some_and(|(_, running)| running.reads) {
            return Ok(false);
        }
        let at = Address::new(LayerName::Compute, "service");
        let roll = async {
            let Some(service) = self.order(remembered, state).await? else { return Ok(false) };
            service.follow(&state.before, &self.sink.ticks(&at)).await.map(|()| true)
        };
        match self.sink.step(&at, "ecs_service", Verb::Update, roll).await {
            Err(fault) if fault.class == Class::Invalid => {
                state.failed = true;
                self.note(state).await?;
                Err(self.half_done(state, fault))
            }
            other => other,
        }
    }

    /// A deployment of what reads the secret is there that began after the value was in force. None when nothing reads it.
    async fn order(&self, remembered: &Remembered, state: &mut State) -> Result<Option<Restart<'_>>, Fault> {
        let Some((service, running)) = self.running(remembered).await? else { return Ok(None) };
        if !running.reads {
            return Ok(None);
        }
        if state.failed {
            state.before.insert(running.deployment.clone());
            state.failed = false;
            self.note(state).await?;
        }
        if state.before.contains(&running.deployment) {
            service.force(&state.before).await?;
        }
        Ok(Some(service))
    }

    /// What is where after a rollout that failed.
    fn half_done(&self, state: &State, fault: Fault) -> Fault {
        let (what, version) = (&self.secret.what, state.version);
        let (has, so) = if self.secret.is_database() {
            ("SSM and the database have", "connections that they have open go on, and they cannot open new ones")
        } else {
            ("SSM has", "they go on with it")
        };
        let message = format!(
            "{has} version {version} of {what}, and the tasks that run were started with an earlier one: {so}. The new tasks failed: {}",
            fault.message
        );
        Fault { message, ..fault }.hint("correct what stops the new tasks; then the same command, or `deploy`, goes on here")
    }

    async fn running(&self, remembered: &Remembered) -> Result<Option<(Restart<'_>, Running)>, Fault> {
        let Some(ledger) = self.ledgers.get(&LayerName::Compute) else { return Ok(None) };
        let Some(service) = Restart::of(self.aws, ledger.as_ref())? else { return Ok(None) };
        Ok(service.running(&remembered.output).await?.map(|running| (service, running)))
    }

    async fn wait_for_database(&self) -> Result<(), Fault> {
        let Some(instance) = self.instance()? else { return Ok(()) };
        let ticks = self.sink.ticks(&Address::new(LayerName::Database, "instance"));
        Password { aws: self.aws, instance: &instance }.ready(&ticks).await.map(drop)
    }

    /// The instance whose password it is, if that was deployed.
    fn instance(&self) -> Result<Option<String>, Fault> {
        if !self.secret.is_database() {
            return Ok(None);
        }
        let missing = || bug("the database's password is changed under the lock of the database layer");
        let ledger = self.ledgers.get(&LayerName::Database).ok_or_else(missing)?;
        let Some(row) = ledger.folded().made(&Address::new(LayerName::Database, "instance")).cloned() else { return Ok(None) };
        Ok(Some(serde_json::from_value::<DbInstance>(row.spec).map_err(bug)?.identifier))
    }

    fn remembered(&self) -> Result<Remembered, Fault> {
        let at = self.secret.address();
        let never = || Fault::new(Class::Stale, format!("{at} was never deployed")).hint("run `deploy` first: it makes the secret");
        let row = self.ledger()?.folded().made(&at).cloned().ok_or_else(never)?;
        let output = row.output.unwrap_or_default();
        Ok(Remembered { spec: serde_json::from_value(row.spec).map_err(bug)?, output: serde_json::from_value(output).map_err(bug)? })
    }

    fn ledger(&self) -> Result<&dyn Ledger, Fault> {
        let ledger = self.ledgers.get(&LayerName::Secrets);
        ledger.map(AsRef::as_ref).ok_or_else(|| bug("a secret is changed under the lock of the secrets layer"))
    }

    async fn note(&self, state: &State) -> Result<(), Fault> {
        let (task, state) = (self.secret.what.clone(), serde_json::to_value(state).map_err(bug)?);
        self.ledger()?.append(Entry::Underway { task, state }).await.map_err(|error| error.fault())
    }

    /// Nothing of it is left to do; `written` when there is a version to remember.
    async fn end(&self, state: &State, written: bool) -> Result<(), Fault> {
        let outcome = if written { serde_json::to_value(state).map_err(bug)? } else { serde_json::Value::Null };
        self.ledger()?.append(Entry::Ended { task: self.secret.what.clone(), outcome }).await.map_err(|error| error.fault())
    }
}
