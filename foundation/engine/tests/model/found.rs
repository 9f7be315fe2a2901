//! Lives that the random walk found to end badly, each once.

use super::Op::{Declare, DeleteByHand, Deploy, Foreign, Undeclare};
use super::{Fate, live};

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_after_the_successor_is_read_makes_no_circle() {
    live(&[Declare(5, 0, 0, 0, 22), Declare(1, 0, 0, 0, 0), Declare(4, 0, 0, 0, 22), Deploy(Fate::Calm), DeleteByHand(0), Undeclare(4)])
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_was_only_intended_still_hangs_on_what_it_read_before() {
    live(&[
        Declare(5, 0, 0, 0, 22),
        Declare(1, 0, 0, 0, 5),
        Declare(4, 0, 0, 0, 20),
        Declare(0, 0, 0, 0, 0),
        Deploy(Fate::Calm),
        Declare(3, 0, 0, 0, 42),
        DeleteByHand(0),
        Undeclare(4),
        Deploy(Fate::DiesBefore(5)),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_name_that_somebody_holds_stops_the_plan_before_the_old_one_is_deleted() {
    live(&[Foreign(2), Declare(3, 0, 0, 1, 0), Deploy(Fate::Calm), Declare(3, 0, 0, 0, 0), Deploy(Fate::Calm)]).await;
    live(&[Declare(3, 0, 0, 1, 0), Foreign(2), Deploy(Fate::DiesAfter(0)), Declare(3, 0, 0, 0, 0), Deploy(Fate::Calm)]).await;
}

#[tokio::test(start_paused = true)]
async fn two_superseded_generations_of_one_address_both_go() {
    live(&[
        Declare(0, 0, 1, 0, 0),
        Declare(3, 0, 0, 0, 7),
        Declare(1, 0, 0, 0, 0),
        Deploy(Fate::DiesAfter(1)),
        Declare(0, 0, 0, 0, 0),
        Deploy(Fate::DiesBefore(8)),
        Declare(0, 0, 1, 0, 0),
        Declare(1, 0, 0, 1, 0),
        Deploy(Fate::DiesBefore(4)),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_left_may_be_taken_by_somebody() {
    live(&[
        Declare(0, 0, 0, 0, 0),
        Declare(5, 0, 0, 0, 0),
        Deploy(Fate::DiesAfter(3)),
        Declare(5, 0, 0, 1, 0),
        Foreign(4),
        Deploy(Fate::Calm),
    ])
    .await;
}
