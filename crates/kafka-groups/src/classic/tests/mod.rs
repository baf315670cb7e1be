//! Tests of the groups by requests and answers, as clients see them.

mod describe;
mod heartbeat;
mod invariants;
mod join;
mod leave;
mod schedules;
mod static_members;
mod sync;
mod timeouts;

use bytes::Bytes;
use uuid::Uuid;

use super::*;

const GROUP: &str = "g";
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 60_000;

/// Groups with a clock, and numbers for tokens and members.
struct Broker {
    groups: Groups,
    now_ms: u64,
    next: u64,
}

impl Broker {
    fn new() -> Self {
        Broker::with_delay(0)
    }

    fn with_delay(initial_rebalance_delay_ms: i32) -> Self {
        let options = Options { initial_rebalance_delay_ms, ..Options::default() };
        Broker { groups: Groups::new(options), now_ms: 1_000, next: 0 }
    }

    /// Sends a request. Returns its token and all answers.
    fn send(&mut self, request: Request) -> (Token, Answers) {
        self.next += 1;
        let token = Token(self.next);
        (token, Answers(self.groups.apply(self.now_ms, token, request)))
    }

    fn join(&mut self, request: JoinRequest) -> (Token, Answers) {
        self.next += 1;
        let random = Uuid::from_u128(self.next.into());
        self.send(Request::Join(JoinRequest { random, ..request }))
    }

    /// Asks for a member id and joins with it, as dynamic members do since version 4.
    fn join_twice(&mut self, request: JoinRequest) -> (String, Token, Answers) {
        let (token, answers) = self.join(request.clone());
        let error = answers.join(token).unwrap_err();
        assert_eq!(error.error, ErrorCode::MemberIdRequired);
        let member_id = error.member_id;
        let (token, answers) = self.join(JoinRequest { member_id: member_id.clone(), ..request });
        (member_id, token, answers)
    }

    fn sync(&mut self, generation_id: i32, member_id: &str, assignments: &[(&str, &'static str)]) -> (Token, Answers) {
        self.send(Request::Sync(sync_request(generation_id, member_id, assignments)))
    }

    fn heartbeat(&mut self, generation_id: i32, member_id: &str) -> Result<(), ErrorCode> {
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id,
            member_id: member_id.to_owned(),
            group_instance_id: None,
        };
        let (token, answers) = self.send(Request::Heartbeat(request));
        answers.heartbeat(token)
    }

    fn leave(&mut self, member_id: &str, group_instance_id: Option<&str>) -> (Token, Answers) {
        self.send(Request::Leave(LeaveRequest {
            group_id: GROUP.to_owned(),
            members: vec![LeavingMember {
                member_id: member_id.to_owned(),
                group_instance_id: group_instance_id.map(str::to_owned),
            }],
        }))
    }

    /// Lets time pass and handles the timeouts.
    fn advance(&mut self, ms: u64) -> Answers {
        let end_ms = self.now_ms + ms;
        let mut outputs = Vec::new();
        while let Some(deadline) = self.groups.next_deadline().filter(|deadline| *deadline <= end_ms) {
            self.now_ms = self.now_ms.max(deadline);
            outputs.extend(self.groups.expire(self.now_ms));
        }
        self.now_ms = end_ms;
        Answers(outputs)
    }

    fn state(&self) -> GroupState {
        self.groups.describe(GROUP).unwrap().state
    }

    fn members(&self) -> Vec<String> {
        self.groups.describe(GROUP).unwrap().members.into_iter().map(|member| member.member_id).collect()
    }

    /// Creates a stable group of `count` dynamic members. Returns the generation and their ids; the first is the
    /// leader.
    fn stable(&mut self, count: usize) -> (i32, Vec<String>) {
        let mut members: Vec<String> = Vec::new();
        let mut generation = 0;
        for _ in 0..count {
            let (new_id, token, answers) = self.join_twice(join_request());
            let mut joins = vec![(new_id.clone(), token)];
            let mut answers = vec![answers];
            for member_id in &members {
                let (token, more) = self.rejoin(member_id);
                joins.push((member_id.clone(), token));
                answers.push(more);
            }
            let answers = Answers(answers.into_iter().flat_map(|answers| answers.0).collect());
            let joined: Vec<JoinAnswer> =
                joins.into_iter().map(|(_, token)| answers.join(token).expect("the join was rejected")).collect();
            generation = joined[0].generation_id;
            members.push(new_id);
            self.sync_all(generation, &members);
        }
        (generation, members)
    }

    fn rejoin(&mut self, member_id: &str) -> (Token, Answers) {
        self.join(JoinRequest { member_id: member_id.to_owned(), ..join_request() })
    }

    /// Sends the leader's assignment and the other members' requests. Each member is assigned its own id.
    fn sync_all(&mut self, generation_id: i32, members: &[String]) {
        let leader = self.groups.groups[GROUP].leader.clone().unwrap();
        let assignments = members.iter().map(|id| (id.clone(), Bytes::from(id.clone()))).collect();
        let request = SyncRequest { assignments, ..sync_request(generation_id, &leader, &[]) };
        let (token, answers) = self.send(Request::Sync(request));
        answers.sync(token).unwrap();
        for member_id in members.iter().filter(|member_id| **member_id != leader) {
            let (token, answers) = self.sync(generation_id, member_id, &[]);
            assert_eq!(answers.sync(token).unwrap().assignment, member_id.as_bytes());
        }
    }
}

/// Answers of one step, by token.
#[derive(Debug)]
struct Answers(Vec<Output>);

impl Answers {
    fn get(&self, token: Token) -> Option<&Answer> {
        let mut found = self.0.iter().filter(|output| output.token == token);
        let answer = found.next().map(|output| &output.answer);
        assert!(found.next().is_none(), "two answers to {token:?}: {:?}", self.0);
        answer
    }

    fn join(&self, token: Token) -> Result<JoinAnswer, JoinError> {
        match self.get(token) {
            Some(Answer::Join(result)) => result.clone(),
            other => panic!("no answer to a join: {other:?}"),
        }
    }

    fn join_error(&self, token: Token) -> ErrorCode {
        self.join(token).unwrap_err().error
    }

    fn sync(&self, token: Token) -> Result<SyncAnswer, ErrorCode> {
        match self.get(token) {
            Some(Answer::Sync(result)) => result.clone(),
            other => panic!("no answer to a sync: {other:?}"),
        }
    }

    fn heartbeat(&self, token: Token) -> Result<(), ErrorCode> {
        match self.get(token) {
            Some(Answer::Heartbeat(result)) => *result,
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    fn leave(&self, token: Token) -> Vec<Result<(), ErrorCode>> {
        match self.get(token) {
            Some(Answer::Leave(Ok(answers))) => answers.iter().map(|answer| answer.result).collect(),
            other => panic!("no answer to a leave: {other:?}"),
        }
    }

    fn is_waiting(&self, token: Token) -> bool {
        self.get(token).is_none()
    }
}

fn join_request() -> JoinRequest {
    JoinRequest {
        version: 9,
        group_id: GROUP.to_owned(),
        member_id: String::new(),
        group_instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: protocols(&["range"]),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        random: Uuid::nil(),
    }
}

fn static_request(group_instance_id: &str) -> JoinRequest {
    JoinRequest { group_instance_id: Some(group_instance_id.to_owned()), ..join_request() }
}

fn protocols(names: &[&str]) -> Vec<Protocol> {
    names.iter().map(|name| Protocol { name: (*name).to_owned(), metadata: subscription(&["quotes"]) }).collect()
}

/// Encodes a consumer's subscription, version 0.
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 0];
    bytes.extend(i32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        bytes.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    Bytes::from(bytes)
}

fn sync_request(generation_id: i32, member_id: &str, assignments: &[(&str, &'static str)]) -> SyncRequest {
    SyncRequest {
        version: 5,
        group_id: GROUP.to_owned(),
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: None,
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        assignments: assignments
            .iter()
            .map(|(id, assignment)| ((*id).to_owned(), Bytes::from_static(assignment.as_bytes())))
            .collect(),
    }
}
