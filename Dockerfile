# docker build --build-arg GIT_COMMIT=$(git rev-parse HEAD) --tag rampart .
# scripts/check-dockerfile runs these very steps without a container engine.

FROM rust:1-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Statements are checked against the committed cache: building needs no database.
ENV SQLX_OFFLINE=true
# "dev" builds sooner, for a check of this file.
ARG PROFILE=release
RUN cargo build --locked --profile "$PROFILE" --bin rampart \
    && install -D -s "target/$(echo "$PROFILE" | sed 's/^dev$/debug/')/rampart" /out/rampart

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/rampart --shell /usr/sbin/nologin rampart \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/rampart
COPY --from=build /out/rampart /usr/local/bin/rampart
COPY policies /etc/rampart/policies
# Whoever builds says what it is. On Render, where nobody does, its own variable tells.
ARG GIT_COMMIT=
ENV GIT_COMMIT=$GIT_COMMIT
# RAMPART_DEPLOYMENT: without a DATABASE_URL it must not start, rather than serve the demo's data.
ENV RAMPART_DEPLOYMENT=container \
    RAMPART_LISTEN=0.0.0.0:8080 \
    RAMPART_DATA_DIR=/var/lib/rampart \
    RAMPART_POLICIES=/etc/rampart/policies
USER 10001:10001
VOLUME /var/lib/rampart
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["rampart", "health"]
ENTRYPOINT ["rampart"]
CMD ["serve"]
