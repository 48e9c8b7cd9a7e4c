//! Whole rollouts under several rules of rollback: how often each blames a healthy canary, and how long
//! each takes to find a bad one.
