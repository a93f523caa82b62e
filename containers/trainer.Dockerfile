# Two images: the Prefect server (`--target prefect`), and on top of it what trains.
# The context is the checkout.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS prefect
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DO_NOT_TRACK=1
ENV HOME=/tmp PREFECT_HOME=/tmp/prefect PREFECT_SERVER_UI_STATIC_DIRECTORY=/tmp/prefect-ui
ENV PREFECT_SERVER_ANALYTICS_ENABLED=false
COPY constraints.txt /constraints.txt
# At the versions that the pipeline is tested with; Prefect's own image may have others.
RUN pip install --no-cache-dir --constraint /constraints.txt prefect asyncpg
USER 10001:10001
EXPOSE 4200
CMD ["prefect", "server", "start", "--host", "0.0.0.0"]

FROM prefect AS trainer
USER root
ENV BENTOML_DO_NOT_TRACK=True BENTOML_HOME=/store MPLCONFIGDIR=/tmp/matplotlib
# PyTorch's own index has torch without CUDA; https://pypi.org/simple has it with CUDA, whose
# libraries the second step brings.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --no-deps --index-url $TORCH_INDEX torch==2.13.0
COPY pyproject.toml README.md LICENSE /src/
COPY model /src/model
COPY pipeline /src/pipeline
COPY service /src/service
RUN pip install --no-cache-dir --constraint /constraints.txt '/src[train]'
# New volumes that are mounted here belong to the one who may write to them.
RUN mkdir /store /metrics && chown 10001:10001 /store /metrics
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["namelang"]
CMD ["schedule", "--cron", "0 3 * * 1", "--source", "builtin"]
