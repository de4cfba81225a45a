# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
# The image's own toolchain, rather than another download with the components of rust-toolchain.toml.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin elk-mcp && cp target/release/elk-mcp /elk-mcp

# glibc, certificates and nothing else: no shell. The user is 65532; nothing has to be written, so the root may be read-only.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="elk-mcp" \
      org.opencontainers.image.description="An MCP server, read-only, for investigating incidents in Elasticsearch and OpenSearch logs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /elk-mcp /usr/local/bin/elk-mcp
EXPOSE 8443
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["/usr/local/bin/elk-mcp", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/elk-mcp"]
CMD ["serve"]
