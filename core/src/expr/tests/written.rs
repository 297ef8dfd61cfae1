//! Expressions as text and as JSON come back as they were.

use std::collections::BTreeMap;

use arrow_schema::{DataType, TimeUnit};
use proptest::prelude::*;

use super::generate::literals;
use crate::error::Code;
use crate::expr::{
    ArithmeticOp, ColumnPath, CompareOp, EXPR_VERSION, Expr, ExprEnvelope, Literal, MAX_DEPTH, MAX_JSON_BYTES, aux,
    call, col, lit, parse, parse_literal,
};

fn any_literal() -> impl Strategy<Value = Literal> {
    let number = any::<u64>().prop_map(|bits| Literal::Float64(f64::from_bits(bits)));
    prop_oneof![
        4 => prop::sample::select(literals()),
        1 => number,
        1 => any::<u32>().prop_map(|bits| Literal::Float32(f32::from_bits(bits))),
        1 => any::<i64>().prop_map(|value| Literal::Timestamp(value, TimeUnit::Nanosecond, Some("UTC".into()))),
        1 => any::<i64>().prop_map(|value| Literal::Timestamp(value / 1000, TimeUnit::Microsecond, None)),
        1 => any::<String>().prop_map(Literal::Utf8),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    let nasty = ["and", "NULL", "we.ird", "a\"b", "", "1a", "x", "date", "timestamp", "decimal", "é", "aux", "a b"];
    prop_oneof![2 => "[a-zA-Z_][a-zA-Z0-9_]{0,5}", 1 => prop::sample::select(nasty.map(String::from).to_vec())]
}

fn any_type() -> impl Strategy<Value = DataType> {
    prop::sample::select(vec![
        DataType::Int8,
        DataType::Utf8View,
        DataType::Decimal128(10, 2),
        DataType::Decimal256(40, -3),
        DataType::Timestamp(TimeUnit::Millisecond, Some("+05:30".into())),
        DataType::Duration(TimeUnit::Second),
        DataType::FixedSizeBinary(3),
    ])
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        3 => prop::collection::vec(any_name(), 1..3).prop_map(|names| Expr::Column(ColumnPath::from(names))),
        3 => any_literal().prop_map(lit),
        1 => (any_name(), prop::option::of(any_type())).prop_map(|(name, data_type)| Expr::Aux { name, data_type }),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let two = || (inner.clone(), inner.clone());
        let many = || prop::collection::vec(inner.clone(), 2..4);
        let comparison = prop::sample::select(CompareOp::ALL.to_vec());
        let arithmetic = prop::sample::select(ArithmeticOp::ALL.to_vec());
        let options = prop::collection::btree_map(any_name(), any_literal(), 0..3);
        prop_oneof![
            (comparison, two()).prop_map(|(op, (left, right))| Expr::Compare {
                op,
                left: left.into(),
                right: right.into()
            }),
            (arithmetic, two()).prop_map(|(op, (left, right))| Expr::Arithmetic {
                op,
                left: left.into(),
                right: right.into()
            }),
            many().prop_map(Expr::And),
            many().prop_map(Expr::Or),
            two().prop_map(|(left, right)| left.xor(right)),
            inner.clone().prop_map(Expr::not),
            inner.clone().prop_map(Expr::negate),
            inner.clone().prop_map(Expr::is_null),
            inner.clone().prop_map(Expr::is_not_null),
            (inner.clone(), any_type()).prop_map(|(expr, data_type)| expr.cast(data_type)),
            (inner.clone(), prop::collection::vec(any_literal(), 0..4)).prop_map(|(expr, list)| expr.is_in(list)),
            (inner.clone(), two()).prop_map(|(expr, (low, high))| expr.between(low, high)),
            (inner.clone(), any::<String>()).prop_map(|(expr, prefix)| expr.starts_with(prefix)),
            (inner.clone(), any::<String>(), any::<bool>()).prop_map(|(expr, text, fold)| if fold {
                expr.ilike(text)
            } else {
                expr.like(text)
            }),
            ("[a-z]{1,5}(\\.[a-z]{1,5})?", prop::collection::vec(inner, 0..3), options)
                .prop_map(|(name, args, options)| call(name, args, options)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn printed_expressions_parse_to_the_same_tree(expr in any_expr()) {
        let text = expr.to_string();
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(parsed, expr, "{}", text);
    }

    #[test]
    fn json_restores_the_same_tree(expr in any_expr()) {
        let envelope = ExprEnvelope::new(expr);
        let text = envelope.to_json().unwrap();
        prop_assert_eq!(&ExprEnvelope::from_json(&text).unwrap(), &envelope);
        let through_serde: Expr = serde_json::from_str(&serde_json::to_string(&envelope.expr).unwrap()).unwrap();
        prop_assert_eq!(through_serde, envelope.expr);
    }

    #[test]
    fn any_text_parses_or_fails_with_a_code(text in "[-a-z0-9 .,'\"()\\[\\]<>=!+*/%é]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(matches!(error.code(), Code::InvalidExpression | Code::LimitExceeded));
        }
    }

    #[test]
    fn damaged_text_parses_or_fails_with_a_code(expr in any_expr(), at in any::<prop::sample::Index>(), with in any::<Option<char>>()) {
        let mut chars: Vec<char> = expr.to_string().chars().collect();
        let at = at.index(chars.len());
        chars.splice(at..=at, with);
        let _ = parse(&chars.iter().collect::<String>());
        let mut json: Vec<char> = ExprEnvelope::new(expr).to_json().unwrap().chars().collect();
        let at = at % json.len();
        json.splice(at..=at, with);
        let _ = ExprEnvelope::from_json(&json.iter().collect::<String>());
    }
}

#[test]
fn every_literal_survives_text_and_json() {
    for literal in literals() {
        assert_eq!(parse_literal(&literal.to_string()).unwrap(), literal, "{literal}");
        let json = serde_json::to_string(&literal).unwrap();
        assert_eq!(serde_json::from_str::<Literal>(&json).unwrap(), literal, "{json}");
    }
}

#[test]
fn filters_read_as_people_write_them() {
    let cases = [
        ("price > 10 AND name LIKE 'a%'", col("price").gt(10_i64).and(col("name").like("a%"))),
        ("a.b is not null", col("a.b").is_not_null()),
        ("tag not in ('x', -1, null)", col("tag").is_in(vec![lit_("x"), Literal::Int64(-1), Literal::Null]).not()),
        ("a + b * -2 % c", col("a").add(col("b").mul(-2_i64).modulo(col("c")))),
        ("a - b - c", col("a").sub(col("b")).sub(col("c"))),
        ("a or b and not c = 1", Expr::Or(vec![col("a"), Expr::And(vec![col("b"), col("c").eq(1_i64).not()])])),
        ("x between 1 and 2 and y <> 3", col("x").between(1_i64, 2_i64).and(col("y").neq(3_i64))),
        ("-9223372036854775808 == a", lit(i64::MIN).eq(col("a"))),
        ("18446744073709551615 = a", lit(u64::MAX).eq(col("a"))),
        (
            "\"we.ird\".\"say \"\"hi\"\"\" = x'00fF'",
            column_of(&["we.ird", "say \"hi\""]).eq(Literal::Binary(vec![0, 255])),
        ),
        ("ts >= timestamp '2024-01-01T00:00:00Z'", col("ts").gte(utc(1_704_067_200_000_000))),
        (
            "cast(x as decimal(10, 2)) = decimal(3,1) '1.5'",
            col("x").cast(DataType::Decimal128(10, 2)).eq(Literal::Decimal128(15, 3, 1)),
        ),
        (
            "cast(x as timestamp[us, UTC]) is null",
            col("x").cast(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))).is_null(),
        ),
        ("timestamp > date '1970-01-02'", col("timestamp").gt(Literal::Date32(1))),
        ("aux(boost) > .5e1", aux("boost").gt(5.0)),
        ("starts_with(a, 'it''s')", col("a").starts_with("it's")),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap(), expected, "{text}");
    }
    let options = BTreeMap::from([("timeout".to_string(), Literal::Int64(5))]);
    assert_eq!(parse("http.get(url, timeout => 5)").unwrap(), call("http.get", vec![col("url")], options));
}

fn lit_(text: &str) -> Literal {
    Literal::from(text)
}

fn utc(micros: i64) -> Literal {
    Literal::Timestamp(micros, TimeUnit::Microsecond, Some("UTC".into()))
}

fn column_of(names: &[&str]) -> Expr {
    Expr::Column(ColumnPath::new(names.iter().copied()))
}

#[test]
fn errors_name_the_place() {
    let cases = [
        ("price >", "character 8"),
        ("price > 10 10", "character 12"),
        ("é = 'a", "character 5"),
        ("a = 1 = 2", "character 7"),
        ("a in (b)", "character 7"),
        ("a # b", "character 3"),
        ("x = x'0'", "character 5"),
        ("ts > date 'soon'", "character 6"),
        ("cast(a as nothing)", "character 11"),
        ("select = 1 and and", "character 16"),
        ("a is 5", "character 6"),
        ("a like b", "character 8"),
        ("1e999 = a", "character 1"),
        ("(a", "character 3"),
        ("", "character 1"),
    ];
    for (text, place) in cases {
        let error = parse(text).unwrap_err();
        assert_eq!(error.code(), Code::InvalidExpression, "{text}");
        assert!(error.message().contains(place), "{text}: {error}");
    }
}

#[test]
fn depth_is_limited_and_length_is_not() {
    let limited = |text: &str| assert_eq!(parse(text).unwrap_err().code(), Code::LimitExceeded);
    limited(&"(".repeat(100_000));
    limited(&"not ".repeat(100_000));
    limited(&"-".repeat(100_000));
    limited(&format!("a = 1{}", " + 1".repeat(100_000)));
    limited(&format!("{}a", "f(".repeat(1_000)));
    let long = vec!["a = 1"; 10_000].join(" or ");
    assert!(matches!(parse(&long).unwrap(), Expr::Or(args) if args.len() == 10_000));
    // The deepest expression that is accepted travels in both forms.
    let deepest = (0..(MAX_DEPTH - 2) / 2)
        .fold(col("a").eq(1_i64), |expr, _| Expr::And(vec![Expr::Or(vec![expr, lit(true)]), lit(true)]));
    deepest.check_limits().unwrap();
    assert_eq!(parse(&deepest.to_string()).unwrap(), deepest);
    let json = ExprEnvelope::new(deepest.clone()).to_json().unwrap();
    assert_eq!(ExprEnvelope::from_json(&json).unwrap().expr, deepest);
    let too_deep = (0..MAX_DEPTH).fold(deepest, |expr, _| expr.not());
    assert_eq!(ExprEnvelope::new(too_deep).to_json().unwrap_err().code(), Code::LimitExceeded);
}

#[test]
fn foreign_json_is_refused_with_a_code() {
    let code = |text: &str| ExprEnvelope::from_json(text).unwrap_err().code();
    let newer = format!("{{\"version\": {}, \"future\": 1}}", EXPR_VERSION + 1);
    assert_eq!(code(&newer), Code::NewerFormat);
    for text in [
        "",
        "[]",
        "{}",
        "{\"version\": 0, \"expr\": {}}",
        "{\"version\": 1}",
        "{\"version\": 1, \"expr\": {\"op\": \"explode\"}}",
        "{\"version\": 1, \"expr\": {\"op\": \"column\", \"path\": []}}",
        "{\"version\": 1, \"expr\": {\"op\": \"literal\", \"type\": \"int8\", \"value\": \"300\"}}",
        "{\"version\": 1, \"expr\": {\"op\": \"literal\", \"type\": \"list\", \"value\": \"300\"}}",
    ] {
        assert_eq!(code(text), Code::InvalidExpression, "{text}");
    }
    assert_eq!(code(&"[".repeat(1_000)), Code::LimitExceeded);
    let nested = format!("{{\"version\":1,\"expr\":{}{}", "{\"op\":\"not\",\"expr\":".repeat(100), "}".repeat(101));
    assert_eq!(code(&nested.replace(":}", ":{\"op\":\"literal\",\"type\":\"null\"}}")), Code::LimitExceeded);
    assert_eq!(code(&" ".repeat(MAX_JSON_BYTES + 1)), Code::LimitExceeded);
}

#[test]
fn the_json_form_is_stable() {
    let expr = col("a.b").gt(5_i64).and(col("s").is_in([Some("x"), None]));
    let json = ExprEnvelope::new(expr).to_json().unwrap();
    let expected: serde_json::Value = serde_json::json!({"version": 1, "expr": {"op": "and", "args": [
        {"op": "gt", "left": {"op": "column", "path": ["a", "b"]}, "right": {"op": "literal", "type": "int64", "value": "5"}},
        {"op": "in", "expr": {"op": "column", "path": ["s"]}, "list": [{"type": "utf8", "value": "x"}, {"type": "null"}]},
    ]}});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), expected);
}
