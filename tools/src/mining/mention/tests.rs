//! Lines, and whom they name.

use super::*;

const SHOP: [&str; 6] = ["order-service", "payment-service", "ts-order", "cart", "web", "order-other-svc"];
const TRAIN: [&str; 4] = ["ts-order-service", "ts-order-other-service", "ts-food-service", "ts-travel2-service"];
const GLUED: [&str; 3] = ["cartservice", "checkoutservice", "frontend"];

fn check(services: &[&str], writer: &str, line: &str, expected: &[(&str, Naming)]) {
    let services = Services::of(services.iter().copied());
    let found: Vec<(&str, Naming)> =
        services.mentioned(writer, line).into_iter().map(|mention| (mention.service, mention.naming)).collect();
    assert_eq!(found, expected, "{line}");
}

#[test]
fn a_full_name_is_found_in_any_spelling() {
    for line in [
        "call failed: order-service",
        "order_service is down",
        "at shop.order.OrderService.find(OrderService.java:31)",
        "OrderServiceClient: timeout",
        "order service is down",
        "pod order-service-5dc8d4f9fd-46997 restarted",
        "order-service-0: no reply",
        "GET /orderservice/orders failed",
    ] {
        check(&SHOP, "web", line, &[("order-service", Naming::Name)]);
    }
    check(&GLUED, "frontend", "rpc to CheckoutService failed", &[("checkoutservice", Naming::Name)]);
}

#[test]
fn what_most_names_begin_with_may_be_left_out() {
    check(&TRAIN, "ts-food-service", "order-service is down", &[("ts-order-service", Naming::Name)]);
    check(&TRAIN, "ts-food-service", "order-other: no reply", &[("ts-order-other-service", Naming::Name)]);
    check(&TRAIN, "ts-food-service", "travel2 answered 500", &[("ts-travel2-service", Naming::Word)]);
    check(&SHOP, "web", "ts-order answered 500", &[("ts-order", Naming::Name)]);
}

#[test]
fn a_stem_alone_may_be_an_ordinary_word() {
    check(&SHOP, "web", "payment declined", &[("payment-service", Naming::Word)]);
    check(&SHOP, "web", "Cart is not there", &[("cart", Naming::Word)]);
    check(&SHOP, "web", "GET /payment/7 failed", &[]);
    check(&SHOP, "web", "payment:17 is closed", &[("payment-service", Naming::Word)]);
}

#[test]
fn a_host_that_was_called_or_not_reached_is_more_than_a_word() {
    for line in [
        "http://payment:8080/orders refused",
        "grpc://user@payment/x",
        "payment:50051: connection refused",
        "dial tcp: lookup payment on 10.0.0.2:53: no such host",
        "could not connect to payment",
        "no reply from payment.shop.svc.cluster.local",
        "calling payment took 30 s",
        "error from payment: 500",
        "java.net.UnknownHostException: payment",
    ] {
        check(&SHOP, "web", line, &[("payment-service", Naming::Host)]);
    }
}

#[test]
fn a_host_that_no_service_has_is_named_where_something_wanted_to_reach_it() {
    let host = |line, host| check(&SHOP, "web", line, &[(host, Naming::Host)]);
    host("dial tcp: lookup redis-cart on 10.0.0.2:53: no such host", "redis-cart");
    host("could not connect to mysql.db.svc:3306", "mysql");
    host("getaddrinfo ENOTFOUND api.stripe.com", "api.stripe.com");
    host("POST https://api.stripe.com/v1/charges: 503", "api.stripe.com");
    for line in ["dial tcp 10.0.0.7:5432: connection refused", "failed to connect to the server", "connect to localhost:80", "at a.b:12"] {
        check(&SHOP, "web", line, &[]);
    }
    let services = Services::of(SHOP);
    assert!(!services.mentioned("web", "connect to redis-cart")[0].is_known);
}

#[test]
fn neither_the_writer_nor_a_caller_is_blamed() {
    check(&SHOP, "payment-service", "payment-service: payment failed", &[]);
    check(&SHOP, "cart", "request from order-service failed", &[]);
    check(&SHOP, "cart", "called by order-service", &[]);
    check(&SHOP, "cart", "response from order-service: 500", &[("order-service", Naming::Host)]);
}

#[test]
fn a_part_of_a_word_names_nothing() {
    check(&SHOP, "pay", "repaymentism cartography order-service-db preorder-service", &[]);
    check(&SHOP, "pay", "", &[]);
}

#[test]
fn a_service_is_named_once_and_by_its_most_certain_naming() {
    let line = "payment failed: payment-service at http://payment:80/";
    check(&SHOP, "web", line, &[("payment-service", Naming::Host)]);
}

#[test]
fn a_stem_of_two_services_names_neither() {
    check(&["pay-service", "pay-api"], "web", "calling pay failed", &[]);
    check(&["order-service", "order-api"], "web", "calling order failed", &[]);
}

#[test]
fn a_hostile_line_names_few_and_takes_little() {
    let services = Services::of(SHOP);
    let line = (0..100_000).map(|n| format!("lookup a{n}.b ")).collect::<String>() + &"é-:/@.".repeat(10_000);
    assert_eq!(services.mentioned("web", &line).len(), MOST_OF_A_LINE);
    assert_eq!(Services::of([]).mentioned("", "anything").len(), 0);
}
