//! A trigger that a broker refuses for good does not wait for it.

use super::*;

/// What `tickerlake trigger` says that is to fail. No batch ever comes to the function.
fn trigger(arguments: &[&str]) -> String {
    let nobody = "http://127.0.0.1:1/2015-03-31/functions/sink/invocations";
    let mut command = Command::new(program("tickerlake").unwrap());
    complaint(command.args(["trigger", "--function", nobody]).args(arguments))
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_trigger_with_a_wrong_password_ends_and_names_the_settings_of_the_login() {
    let kafka = ApacheKafka::shared();
    let said = trigger(&login(kafka, &kafka.sasl_ssl, &["-X", "sasl.password=wrong"]));
    says(&said, &[&kafka.sasl_ssl, "sasl.username and sasl.password"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_trigger_that_does_not_know_the_authority_ends_and_names_the_setting_that_names_authorities() {
    let kafka = ApacheKafka::shared();
    let said = trigger(&without_authority(&kafka.sasl_ssl));
    says(&said, &[&kafka.sasl_ssl, "certificate", "ssl.ca.location"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_trigger_whose_host_name_the_certificate_does_not_have_ends_and_names_the_flag_that_names_the_host() {
    let kafka = ApacheKafka::shared();
    let servers = kafka.sasl_ssl_by_address();
    says(&trigger(&login(kafka, &servers, &[])), &[&servers, "certificate", "--bootstrap-server"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_trigger_of_a_user_without_permission_ends_and_says_which_one_is_needed() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("unreadable", 1, &[]).unwrap();
    let said = trigger(&login(kafka, &kafka.sasl_ssl, &[&STRANGER[..], &["--topic", "unreadable"]].concat()));
    says(&said, &[&kafka.sasl_ssl, "sasl.username", "READ"]);
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_trigger_that_may_read_the_group_but_not_the_topic_ends_and_names_the_topics_permission() {
    let kafka = ApacheKafka::shared();
    for (topic, group, may_see_it) in [("unseen", "may-read-1", false), ("seen", "may-read-2", true)] {
        kafka.create_topic(topic, 1, &[]).unwrap();
        allow(&kafka.plaintext, "stranger", Operation::Read, Resource::Group(group)).unwrap();
        if may_see_it {
            allow(&kafka.plaintext, "stranger", Operation::Describe, Resource::Topic(topic)).unwrap();
        }
        let arguments = [&STRANGER[..], &["--topic", topic, "--consumer-group-id", group]].concat();
        let said = trigger(&login(kafka, &kafka.sasl_ssl, &arguments));
        says(&said, &[&kafka.sasl_ssl, "sasl.username", "on the topic", "READ"]);
        assert!(!said.contains("on the group"), "{said}");
    }
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn a_trigger_that_may_read_the_topic_but_not_the_group_ends_and_names_the_groups_permission() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("readable", 1, &[]).unwrap();
    allow(&kafka.plaintext, "stranger", Operation::Read, Resource::Topic("readable")).unwrap();
    let arguments = [&STRANGER[..], &["--topic", "readable", "--consumer-group-id", "closed"]].concat();
    let said = trigger(&login(kafka, &kafka.sasl_ssl, &arguments));
    says(&said, &[&kafka.sasl_ssl, "sasl.username", "READ on the group", "--consumer-group-id"]);
    assert!(!said.contains("on the topic"), "{said}");
}
