use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{header, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use tower_http::{timeout::TimeoutLayer, trace::TraceLayer};
use tracing::instrument;

#[derive(Clone)]
pub struct AppState {
    pool: SqlitePool,
    api_key: Arc<str>,
}

#[derive(thiserror::Error, Debug)]
pub enum ApiError {
    #[error("there is no station {0}")]
    UnknownStation(String),
    #[error("the range covers more than {0} days")]
    RangeTooLong(i64),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::UnknownStation(_) => StatusCode::NOT_FOUND,
            Self::RangeTooLong(_) => StatusCode::BAD_REQUEST,
            Self::Database(error) => {
                tracing::error!(%error, "query failed");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        (status, Json(serde_json::json!({ "error": self.to_string() }))).into_response()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    from: NaiveDate,
    #[serde(default = "one_week")]
    days: i64,
    min_height: Option<f64>,
}

fn one_week() -> i64 {
    7
}

#[derive(Serialize, Deserialize, sqlx::FromRow)]
struct Tide {
    at: DateTime<Utc>,
    metres: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

#[instrument(skip(state))]
async fn list_tides(
    State(state): State<AppState>,
    Path(station): Path<String>,
    Query(range): Query<Range>,
) -> Result<impl IntoResponse, ApiError> {
    const LONGEST: i64 = 92;
    if range.days > LONGEST {
        return Err(ApiError::RangeTooLong(LONGEST));
    }
    let id: i64 = sqlx::query_scalar("SELECT id FROM stations WHERE slug = ?")
        .bind(&station)
        .fetch_optional(&state.pool)
        .await?
        .ok_or(ApiError::UnknownStation(station))?;

    let tides: Vec<Tide> = sqlx::query_as(
        "SELECT at, metres, remark FROM tides
         WHERE station_id = ? AND at >= ? AND at < ? AND metres >= ? ORDER BY at",
    )
    .bind(id)
    .bind(range.from)
    .bind(range.from + chrono::Duration::days(range.days))
    .bind(range.min_height.unwrap_or(f64::NEG_INFINITY))
    .fetch_all(&state.pool)
    .await?;
    Ok(([(header::CACHE_CONTROL, "max-age=3600")], Json(tides)))
}

async fn correct_tide(
    State(state): State<AppState>,
    Path((station, at)): Path<(String, DateTime<Utc>)>,
    headers: axum::http::HeaderMap,
    Json(tide): Json<Tide>,
) -> Result<StatusCode, ApiError> {
    if headers.get("x-api-key").map(|key| key.as_bytes()) != Some(state.api_key.as_bytes()) {
        return Ok(StatusCode::UNAUTHORIZED);
    }
    let mut tx = state.pool.begin().await?;
    let changed = sqlx::query(
        "UPDATE tides SET metres = ?, remark = ? WHERE at = ?
         AND station_id = (SELECT id FROM stations WHERE slug = ?)",
    )
    .bind(tide.metres)
    .bind(tide.remark)
    .bind(at)
    .bind(station)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    tx.commit().await?;
    Ok(if changed == 1 { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

pub fn router(pool: SqlitePool, api_key: &str) -> Router {
    Router::new()
        .route("/stations/{station}/tides", get(list_tides))
        .route("/stations/{station}/tides/{at}", put(correct_tide))
        .layer(TimeoutLayer::new(Duration::from_secs(10)))
        .layer(TraceLayer::new_for_http())
        .with_state(AppState { pool, api_key: api_key.into() })
}
