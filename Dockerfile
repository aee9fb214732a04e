# The moderation API, from nothing: a static binary, certificates, and no shell.
# Build the binary first (make image does): no registry is needed, and what runs in
# the image is what was tested.
FROM scratch
COPY dist/image/ /
USER 65532:65532
ENV MODERATION_ADDR=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/app/moderation-api", "healthcheck"]
ENTRYPOINT ["/app/moderation-api"]
CMD ["serve"]
